"""Reading what was chosen for a task: `--set key=value` gives texts, Python gives values."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

Choice = TypeVar("Choice", bound=str)
_TRUTHS = {"yes": True, "true": True, "no": False, "false": False}


def check_known(task: str, settings: Mapping[str, Any], known: Mapping[str, str]) -> None:
    """Raises ValueError for a setting that the task does not have, and names those it has."""
    for name in settings:
        if name not in known:
            near = get_close_matches(name, known, 1)
            there_are = f"it has {', '.join(known)}" if known else "it has none"
            raise ValueError(
                f"{task} has no setting {name!r}{f', did you mean {near[0]!r}?' if near else ';'} {there_are}."
            )


def one_of(settings: Mapping[str, Any], name: str, choices: Sequence[Choice], default: Choice) -> Choice:
    """The chosen one of `choices`. Raises ValueError for another."""
    value = settings.get(name, default)
    found = next((choice for choice in choices if choice == value), None)
    if found is None:
        raise ValueError(f"{name} is {value!r}; choose one of {', '.join(choices)}.")
    return found


def text(settings: Mapping[str, Any], name: str) -> str | None:
    """A text that is not blank; None where it was not chosen. Raises ValueError for anything else."""
    value = settings.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is {value!r}; give a text.")
    return value


def whole_number(settings: Mapping[str, Any], name: str, *, least: int = 1) -> int | None:
    """A whole number; None where it was not chosen. Raises ValueError for anything else, or one below `least`."""
    value = settings.get(name)
    if value is None:
        return None
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if not isinstance(number, int) or isinstance(number, bool) or number < least:
        raise ValueError(f"{name} is {value!r}; give a whole number, {least} or more.")
    return number


def truth(settings: Mapping[str, Any], name: str) -> bool | None:
    """Yes or no; None where it was not chosen. Raises ValueError for anything else."""
    value = settings.get(name)
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in _TRUTHS:
        raise ValueError(f"{name} is {value!r}; give yes or no.")
    return _TRUTHS[value.lower()]
