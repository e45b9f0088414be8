"""A perplexity recipe with all its numbers, checked against what the engine can hold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from eval.metrics.perplexity_windows import (
    RECIPES,
    Recipe,
    Window,
    disjoint_windows,
    llama_cpp_windows,
    rolling_windows,
    strided_windows,
)

if TYPE_CHECKING:
    from runtime import Tokenizer

LLAMA_CPP_WINDOW = 512  # its own default
STRIDE = 512  # of the transformers documentation


@dataclass(frozen=True, kw_only=True)
class RecipeSettings:
    """How texts are cut. Made by `choose_settings`."""

    recipe: Recipe
    window: int
    stride: int
    start_id: int | None

    def sequence(self, ids: list[int]) -> list[int]:
        """The ids that windows point into: with the start token where the recipe reads it as part of the text."""
        if self.start_id is None or self.recipe not in ("strided", "llama.cpp"):
            return ids
        return [self.start_id, *ids]

    def windows(self, sequence: list[int]) -> list[Window]:
        """Raises ValueError for a text that the recipe is not made for."""
        if self.recipe == "strided":
            return strided_windows(sequence, self.window, self.stride)
        if self.recipe == "window":
            return disjoint_windows(sequence, self.window, self.start_id)
        if self.recipe == "rolling":
            assert self.start_id is not None
            return rolling_windows(sequence, self.window, self.start_id)
        if len(sequence) < 2 * self.window:
            raise ValueError(
                f"The text has {len(sequence)} tokens, and the recipe llama.cpp needs two windows, {2 * self.window}. "
                "Give one longer text, a smaller window, or another recipe."
            )
        return llama_cpp_windows(sequence, self.window, self.start_id)

    def start_token(self, tokenizer: "Tokenizer") -> str | None:
        """The start token as text; None where none is used."""
        return None if self.start_id is None else tokenizer.token_bytes(self.start_id).decode("utf-8", "replace")

    def weight(self, cut: Window) -> int:
        """For how many tokens the mean of a window counts: those scored, but "strided" takes one off after the first.

        The loop of the transformers documentation takes one off everywhere, for the label that shifting loses; where
        windows overlap none is lost but the first of the text.
        """
        loses_none = self.recipe == "strided" and self.stride < self.window and cut.start > 1
        return cut.end - cut.start - loses_none


def choose_settings(
    tokenizer: "Tokenizer",
    max_seq_len: int,
    *,
    recipe: Recipe,
    window: int | None,
    stride: int | None,
    start_token: bool | None,
) -> RecipeSettings:
    """The caller's choices, completed. Raises ValueError where they do not fit the recipe, the model or each other."""
    if recipe not in RECIPES:
        raise ValueError(f"recipe is {recipe!r}; choose one of {', '.join(RECIPES)}.")
    window = _window(recipe, window, max_seq_len)
    return RecipeSettings(
        recipe=recipe,
        window=window,
        stride=_stride(recipe, stride, window),
        start_id=_start_id(tokenizer, recipe, start_token),
    )


def _window(recipe: Recipe, window: int | None, max_seq_len: int) -> int:
    smallest = 1 if recipe == "rolling" else 4 if recipe == "llama.cpp" else 2
    if window is None:
        window = min(LLAMA_CPP_WINDOW, max_seq_len) if recipe == "llama.cpp" else max_seq_len
    if not smallest <= window <= max_seq_len:
        raise ValueError(f"window is {window}; {recipe} on this engine takes {smallest} to {max_seq_len} tokens.")
    return window


def _stride(recipe: Recipe, stride: int | None, window: int) -> int:
    if recipe != "strided":
        if stride is not None:
            raise ValueError(f"stride is {stride}, and {recipe} has none: only the recipe strided takes one.")
        return window
    if stride is None:
        return min(STRIDE, max(1, window // 2))  # a stride as long as the window would not overlap
    if not 1 <= stride <= window:
        raise ValueError(f"stride is {stride}; it is at least 1 and at most the window, {window}.")
    return stride


def _start_id(tokenizer: "Tokenizer", recipe: Recipe, start_token: bool | None) -> int | None:
    if recipe == "rolling":
        if start_token is False:
            raise ValueError(
                "The recipe rolling scores the first token too, after a start token: it cannot go without."
            )
        start_id = tokenizer.eos_id if tokenizer.bos_id is None else tokenizer.bos_id
    else:
        is_used = tokenizer.adds_bos if start_token is None else start_token
        if not is_used:
            return None
        start_id = tokenizer.bos_id
    if start_id is None:
        raise ValueError(f"This model has no start token, which was asked for or which {recipe} needs.")
    return start_id
