"""`Fields`: a mapping of a task's file, which says in messages where a value stands.

What reads a value raises EvaluationError where it is of another kind.
"""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from appkit.errors import EvaluationError

Name = TypeVar("Name", bound=str)


class Fields(dict[str, Any]):
    """A mapping of a task's file, which knows where it stands. Nested mappings are `Fields` too."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__()
        self.path = path
        self.name = name  # what it is the value of: "generation_kwargs"; "" for the whole file
        self.places: dict[str, str] = {}  # by key: file and line

    def where(self, key: str) -> str:
        """How messages begin: file, line and key."""
        return f"{self.places.get(key, self.path)}: {self.name}{'.' if self.name else ''}{key}"

    def error(self, key: str, problem: str) -> EvaluationError:
        """To raise: `problem` says what is wrong with the value of `key`, and the way out."""
        return EvaluationError(f"{self.where(key)} {problem}")

    def take(self, other: "Fields") -> None:
        """The fields of another file, in place of those of the same name."""
        self.update(other)
        self.places.update(other.places)

    def check_keys(self, known: Iterable[str]) -> None:
        """Raise EvaluationError for a key that is not `known`."""
        names = sorted(known)
        for key in self:
            if key not in names:
                raise self.error(key, f"is not known here; {nearest(key, names)}")

    def check_like(self, known: Sequence[str]) -> None:
        """Raise EvaluationError for a key that looks like a misspelt `known` one. Others are the author's own."""
        for key in self:
            if key not in known and difflib.get_close_matches(key[:100], known, n=1, cutoff=0.75):
                raise self.error(key, f"is not known here; {nearest(key, known)}")

    def mapping(self, key: str) -> "Fields":
        """A nested mapping; an empty one where there is none."""
        value = self.get(key)
        if value is None:
            return Fields(self.path, key)
        if not isinstance(value, Fields):
            raise self.error(key, f"is {value!r}; write 'name: value' lines under it.")
        return value

    def text(self, key: str, default: str) -> str:
        """A text."""
        value = self.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.error(key, f"is {value!r}; write a text, in quotes if need be.")
        return value

    def flag(self, key: str) -> bool:
        """Whether it is true; false where it is not said."""
        value = self.get(key)
        if value not in (None, True, False):
            raise self.error(key, f"is {value!r}; write true or false.")
        return bool(value)

    def whole(self, key: str, *, least: int, most: int) -> int | None:
        """A whole number, or None where there is none."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.error(key, f"is {value!r}; give a whole number from {least} to {most:,}.")
        return value

    def choice(self, key: str, known: Sequence[Name], default: Name) -> Name:
        """One of the names that are known."""
        value = self.get(key)
        if value is None:
            return default
        if value not in known:
            raise self.error(key, f"is {value!r}; choose one of {', '.join(known)}.")
        return known[known.index(value)]


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the ones like it, or all there are."""
    names = list(known)
    near = difflib.get_close_matches(name[:100], names, n=2, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(names)}."
