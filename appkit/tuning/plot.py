"""The curve of a run's loss as a picture. matplotlib is in the extra `train` and is imported here alone."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from appkit.tuning.result import TuneResult
from runtime.files import write_atomic

_BLUE, _ORANGE, _GREY, _INK = "#2b6cb0", "#c05621", "#a0aec0", "#2d3748"


def can_plot() -> bool:
    """Whether matplotlib is here."""
    return find_spec("matplotlib") is not None


def smoothed(losses: Sequence[float]) -> list[float]:
    """The mean of about a twentieth of the steps around each, so that the curve does not lag behind."""
    reach = len(losses) // 40
    windows = (losses[max(0, idx - reach) : idx + reach + 1] for idx in range(len(losses)))
    return [sum(window) / len(window) for window in windows]


def write_loss_plot(path: Path, result: TuneResult) -> bool:
    """Write a PNG of 1600×900, whole or not at all; False, and nothing written, without matplotlib.

    Raises:
        OSError: the disk is full.
    """
    if not can_plot():
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 4.5), dpi=200, layout="constrained")
    FigureCanvasAgg(figure)  # draws to memory: needs no display, and leaves the global state of pyplot alone
    axes = figure.add_subplot()
    steps = range(1, len(result.losses) + 1)
    if len(result.losses) >= 40:
        axes.plot(steps, result.losses, color=_BLUE, alpha=0.25, linewidth=0.8)
        axes.plot(steps, smoothed(result.losses), color=_BLUE, linewidth=1.8, label="training (smoothed)")
    else:
        axes.plot(steps, result.losses, color=_BLUE, linewidth=1.8, label="training")
    evaluations = [*([(0, result.eval_before)] if result.eval_before is not None else []), *result.eval_losses]
    if evaluations:
        axes.plot(*zip(*evaluations, strict=True), color=_ORANGE, marker="o", markersize=4, label="validation")
    if result.eval_losses and result.kept_step != result.num_steps:
        axes.axvline(
            result.kept_step, color=_GREY, linestyle=":", linewidth=1.2, label=f"kept: step {result.kept_step}"
        )
    name = Path(result.model).stem
    title = f"{result.method} of {name}" if name.isascii() else result.method  # the font has no Chinese
    axes.set_title(title, color=_INK, loc="left", parse_math=False)
    axes.set_xlabel("step", color=_INK)
    axes.set_ylabel("loss", color=_INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=_GREY, alpha=0.35, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_INK)
    axes.legend(frameon=False)
    with write_atomic(path) as file:
        figure.savefig(file, format="png", metadata={"Software": None})
    return True
