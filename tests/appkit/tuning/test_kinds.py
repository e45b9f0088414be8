"""Values of JSON are held against annotations, and what they should be is said."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest

from appkit.tuning.kinds import as_kind


@pytest.mark.parametrize(
    ("value", "hint", "kept"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (3, float | str | None, 3.0),
        (3, int | float, 3),
        ("3", float | str, "3"),
        (None, int | None, None),
        ("a", Literal["a", "b"], "a"),
        (["a", "b"], tuple[str, ...], ("a", "b")),
        ([[1, 2], [3, 4.5]], tuple[tuple[int, float], ...], ((1, 2.0), (3, 4.5))),
        ({"a": 1}, Mapping[str, float], {"a": 1.0}),
    ],
    ids=repr,
)
def test_what_fits_is_kept_as_the_annotation_has_it(value: Any, hint: Any, kept: Any) -> None:
    found = as_kind(value, hint)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("value", "hint", "wanted"),
    [
        (True, int, "a whole number"),
        (1, bool, "true or false"),
        (2.0, int | None, "a whole number"),
        (float("inf"), float, "a number"),
        ("c", Literal["a", "b"], "one of a, b"),
        (["a"], Literal["a", "b"], "one of a, b"),
        ("ab", tuple[str, ...], "a list, each item a text"),
        ([[1]], tuple[tuple[int, float], ...], "a list, each item a list, each item a whole number"),
        ({1: 1}, Mapping[str, float], "'name: value' lines, each value a number"),
        ([], Mapping[str, float] | None, "'name: value' lines, each value a number"),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_told_what_it_should_be(value: Any, hint: Any, wanted: str) -> None:
    with pytest.raises(ValueError, match="^" + wanted + "$"):
        as_kind(value, hint)
