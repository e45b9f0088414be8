"""Reading filters: the tree, and what is said where one is wrong."""

import pytest

from appkit.retrieval.filter_parser import (
    MAX_FILTER_CHARS,
    MAX_FILTER_COMPARISONS,
    MAX_FILTER_DEPTH,
    MAX_FILTER_VALUES,
    And,
    Comparison,
    FilterSyntaxError,
    Not,
    Or,
    parse_filter,
)


def test_and_binds_closer_than_or_and_not_closest() -> None:
    tree = parse_filter("a = 1 or not b = 2 and c = 3")
    assert isinstance(tree, Or)
    first, second = tree.parts
    assert isinstance(first, Comparison)
    assert isinstance(second, And)
    assert isinstance(second.parts[0], Not)


@pytest.mark.parametrize(
    ("filter", "values"),
    [
        ("a = -2", (-2,)), ("a = 2.50", (2.5,)), ("a = 1e3", (1000.0,)), ("a = false", (False,)),
        ("a = 'it\\'s'", ("it's",)),
        ('a in ("x", 2, true)', ("x", 2, True)),
    ],
)  # fmt: skip
def test_values_have_the_type_they_are_written_in(filter: str, values: tuple[object, ...]) -> None:
    tree = parse_filter(filter)
    assert isinstance(tree, Comparison)
    assert [(type(value), value) for value in tree.values] == [(type(value), value) for value in values]


@pytest.mark.parametrize(
    ("filter", "position", "problem"),
    [
        ("", 0, "a field such as source, title or page was expected, not the end"),
        ("source", 6, "was expected, not the end"),
        ("source =", 8, "a value was expected, not the end"),
        ("source = a.md", 9, 'write "a" in quotes'),
        ('source = "a', 9, "the text that starts here has no closing"),
        ('"a.md" = source', 0, "a field was expected before its value"),
        ('source = "a" page = 3', 13, '"and", "or" or the end was expected, not page'),
        ('(source = "a"', 13, ") was expected, not the end"),
        ('source = "a")', 12, "was expected, not )"),
        ("page in ()", 9, "a value was expected, not )"),
        ("page in (1 2)", 11, ") was expected, not 2"),
        ("page = 3x", 7, "has no meaning"),
        ("page & 3", 5, "'&' has no meaning"),
        ("title contains 3", 15, "a text in quotes was expected"),
        ("done < true", 5, "true and false have no order"),
        ("year = 99999999999999999999", 7, "the number is too large"),
        ("and = 3", 0, "a field such as"),
        ("metadata. = 3", 10, "the name of a metadata field was expected"),
    ],
)
def test_a_mistake_is_named_with_its_place(filter: str, position: int, problem: str) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter(filter)
    assert caught.value.position == position
    assert problem in str(caught.value)
    assert f"character {position + 1}" in str(caught.value)


def test_the_message_shows_where_on_one_line() -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse_filter('title = "x"\nand page ~ 3')
    assert str(caught.value).splitlines()[1] == '  title = "x" and page ▸~ 3'


@pytest.mark.parametrize(
    "filter",
    [
        "not " * (MAX_FILTER_DEPTH + 1) + "a = 1",
        "(" * 1_500 + "a = 1" + ")" * 1_500,
        "a=1 or " * MAX_FILTER_COMPARISONS + "a=1",
        f"a in ({', '.join('1' * (MAX_FILTER_VALUES + 1))})",
        "a = '" + "x" * MAX_FILTER_CHARS + "'",
    ],
)
def test_what_is_too_deep_or_too_long_is_refused(filter: str) -> None:
    with pytest.raises(FilterSyntaxError):
        parse_filter(filter)


def test_depth_up_to_the_limit_is_read() -> None:
    assert parse_filter("not " * MAX_FILTER_DEPTH + "a = 1")
