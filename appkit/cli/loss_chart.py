"""The curve of a run's loss in characters: training in braille dots, evaluations as letters.

Braille and ASCII take one column in every locale, which box characters do not.
"""

from collections.abc import Sequence

from appkit.tuning.plot import smoothed

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # of a braille cell, by row and column (Unicode 2800)
EVALUATION = "o"
_LABEL_COLUMNS = 8


def loss_chart(
    losses: Sequence[float], evaluations: Sequence[tuple[int, float]], *, width: int = 72, height: int = 10
) -> list[str]:
    """Lines of at most `width` columns: `height` of curve, the axis and its labels. Empty for fewer than two steps.

    Args:
        losses: of steps 1, 2, …
        evaluations: (steps done, loss).
    """
    if len(losses) < 2:
        return []
    curve = smoothed(losses)
    values = [*curve, *(loss for _, loss in evaluations)]
    low, high = min(values), max(values)
    span = high - low or 1.0
    columns = width - _LABEL_COLUMNS - 1
    cells = [[0] * columns for _ in range(height)]
    for x, y in _path(curve, low, span, columns * 2, height * 4):
        cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
    grid = [[chr(0x2800 + cell) if cell else " " for cell in row] for row in cells]
    for step, loss in evaluations:
        column = min(columns - 1, round(step / len(losses) * (columns - 1)))
        grid[min(height - 1, int((high - loss) / span * height))][column] = EVALUATION
    labels = {0: high, height // 2: high - span / 2, height - 1: low}
    lines = [f"{_label(labels.get(idx))}|{''.join(row).rstrip()}" for idx, row in enumerate(grid)]
    right = f"{len(losses):,}"
    return [*lines, f"{'':{_LABEL_COLUMNS}}+{'-' * columns}", f"{'':{_LABEL_COLUMNS}} 0{right:>{columns - 1}}"]


def _path(curve: Sequence[float], low: float, span: float, num_columns: int, num_rows: int) -> list[tuple[int, int]]:
    """Dots (x from the left, y from the top) of the curve, joined from column to column."""
    dots: list[tuple[int, int]] = []
    last_y: int | None = None
    for x in range(num_columns):
        place = x / (num_columns - 1) * (len(curve) - 1)
        idx = min(int(place), len(curve) - 2)
        value = curve[idx] + (curve[idx + 1] - curve[idx]) * (place - idx)
        y = round((low + span - value) / span * (num_rows - 1))
        start = y if last_y is None else last_y + (y > last_y) - (y < last_y)
        dots += [(x, row) for row in range(min(start, y), max(start, y) + 1)]
        last_y = y
    return dots


def _label(value: float | None) -> str:
    shown = "" if value is None else f"{value:.4g}"
    if len(shown) >= _LABEL_COLUMNS:
        shown = f"{value:.2g}"
    return f"{shown:>{_LABEL_COLUMNS - 1}} "
