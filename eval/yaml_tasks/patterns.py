"""Regular expressions of a task's file: Python's, with a deadline, for some take longer than anybody waits."""

import functools
import re
import warnings
from typing import Any

from appkit.errors import EvaluationError
from eval.yaml_tasks.fields import Fields

MAX_PATTERN_CHARS = 1_000
MATCH_TIMEOUT_S = 2.0


def find_all(pattern: str, text: str) -> list[Any]:
    """As `re.findall`, within `MATCH_TIMEOUT_S`. Raises EvaluationError after it."""
    try:
        return list(_compiled(pattern).findall(text, timeout=MATCH_TIMEOUT_S))
    except TimeoutError as error:
        raise _took_too_long(pattern, text) from error


def remove_all(pattern: str, text: str) -> str:
    """`text` without what matches, within `MATCH_TIMEOUT_S`. Raises EvaluationError after it."""
    try:
        return str(_compiled(pattern).sub("", text, timeout=MATCH_TIMEOUT_S))
    except TimeoutError as error:
        raise _took_too_long(pattern, text) from error


def check_pattern(owner: Fields, key: str, pattern: Any) -> str:
    """The pattern. Raises EvaluationError where it is none."""
    if not isinstance(pattern, str) or len(pattern) > MAX_PATTERN_CHARS:
        raise owner.error(key, f"must be a regular expression of at most {MAX_PATTERN_CHARS:,} characters.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # of [[ and the like, which `re` and `regex` read otherwise
            re.compile(pattern)
        _compiled(pattern)
    except (re.error, ValueError, OverflowError, RecursionError, FutureWarning) as error:
        raise owner.error(key, f"is the pattern {pattern!r}, which is no regular expression: {error}.") from error
    return pattern


def _took_too_long(pattern: str, text: str) -> EvaluationError:
    return EvaluationError(
        f"The pattern {pattern!r} ran for more than {MATCH_TIMEOUT_S:g} s on a text of {len(text):,} characters: it "
        "tries too many ways to match. Avoid repeats within repeats, as in (a+)+."
    )


@functools.lru_cache(maxsize=64)
def _compiled(pattern: str) -> Any:
    import regex  # beside `re`, whose patterns it reads, because it can be stopped

    try:
        return regex.compile(pattern, regex.VERSION0)
    except regex.error as error:
        raise ValueError(str(error)) from error
