"""Answers that are text of a given form: `Regex("[A-Z]{3}")`, `Choice(["yes", "no"])`."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Regex:
    """Text that matches `pattern` from its first to its last character.

    The syntax is that of Rust's regex crate: no look-around, no back-references.
    """

    pattern: str


@dataclass(frozen=True, init=False)
class Choice:
    """One of several texts.

    Raises:
        ValueError: there are none, one is empty, or two are the same.
        TypeError: one is no text.
    """

    texts: tuple[str, ...]

    def __init__(self, texts: Iterable[str]) -> None:
        if isinstance(texts, str):
            raise TypeError(f"Choice takes several texts, not the text {texts!r:.60}: Choice([{texts!r:.60}, …]).")
        given = tuple(texts)
        for text in given:
            if not isinstance(text, str):
                raise TypeError(f"Choice takes texts, got {text!r:.60}; for other values use Literal[…] or an Enum.")
            if not text:
                raise ValueError("A choice is empty; a model would have to say nothing to take it.")
        if not given:
            raise ValueError("Choice has nothing to choose from: give one or more texts.")
        if len(set(given)) < len(given):
            twice = next(text for text in given if given.count(text) > 1)
            raise ValueError(f"The choice {twice!r:.60} is given twice.")
        object.__setattr__(self, "texts", given)
