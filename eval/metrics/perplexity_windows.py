"""How a long text is cut into windows that a model can see: what tools differ in when they tell a perplexity.

A recipe turns ids into windows. In each the model sees `context_ids` and is asked how likely it finds each id from
`start` to `end`, after the context and the ids before it. Windows know nothing of each other.

| recipe | windows | scored | start token |
|---|---|---|---|
| `window` | side by side | all but the first token of a window; with a start token all | in front of each window |
| `strided` | each starts `stride` after the one before | what no window before scored | in front of the text |
| `llama.cpp` | side by side, an unfilled last one is dropped | the second half of each | in place of each first token |
| `rolling` | side by side, the last filled up with context | every token once | in front of the text, always |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Recipe = Literal["window", "strided", "llama.cpp", "rolling"]
RECIPES: tuple[Recipe, ...] = ("window", "strided", "llama.cpp", "rolling")


@dataclass(frozen=True)
class Window:
    """What the model sees, and which ids of the text it is asked for: `ids[start:end]`. Neither is empty."""

    context_ids: tuple[int, ...]
    start: int
    end: int


def disjoint_windows(ids: Sequence[int], window: int, start_id: int | None) -> list[Window]:
    """Windows side by side, `window` long, each read on its own.

    Args:
        start_id: put in front of each window, which then holds one token of the text less.
    """
    if start_id is not None:
        step = window - 1
        return [Window((start_id,), start, min(start + step, len(ids))) for start in range(0, len(ids), step)]
    return [
        Window((ids[start],), start + 1, min(start + window, len(ids))) for start in range(0, len(ids) - 1, window)
    ]  # a last window of one token has none to score


def strided_windows(ids: Sequence[int], window: int, stride: int) -> list[Window]:
    """Overlapping windows: all tokens but the first have a context of `window - stride` at least, or all there is.

    Args:
        ids: with the start token in front where one is used; the first id is never scored.
        stride: at most `window`; equal to it, each window stands alone and loses its first token.

    Source: transformers documentation, "Perplexity of fixed-length models".
    """
    windows: list[Window] = []
    end = 0
    for first in range(0, len(ids), stride):
        start, end = max(end, first + 1), min(first + window, len(ids))
        if start < end:
            windows.append(Window(tuple(ids[first:start]), start, end))
        if end == len(ids):
            break
    return windows


def llama_cpp_windows(ids: Sequence[int], window: int, start_id: int | None) -> list[Window]:
    """Windows side by side, of which the second half is scored: `window - window // 2 - 1` tokens.

    Args:
        ids: with the start token in front where one is used.
        start_id: takes the place of each window's first token.

    Source: llama.cpp, tools/perplexity/perplexity.cpp.
    """
    num_seen = window // 2 + 1
    windows = []
    for first in range(0, len(ids) - window + 1, window):
        seen = ids[first : first + num_seen]
        head = seen[0] if start_id is None else start_id
        windows.append(Window((head, *seen[1:]), first + num_seen, first + window))
    return windows


def rolling_windows(ids: Sequence[int], window: int, start_id: int) -> list[Window]:
    """Windows side by side, every token scored once; a window after the first sees one token of the one before.

    The last one has as many tokens as the others: what it does not score is context. The model reads `window` tokens at
    a time; the last one scored comes after them.

    Source: lm-evaluation-harness, `get_rolling_token_windows` with a context of 1 and `make_disjoint_window`.
    """
    windows = []
    for start in range(0, len(ids), window):
        end = min(start + window, len(ids))
        context = tuple(ids[end - window - 1 : start]) if start else (start_id,)
        windows.append(Window(context, start, end))
    return windows
