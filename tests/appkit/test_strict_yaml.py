import re

import pytest

from appkit.strict_yaml import Located, StrictYamlError, plain_scalar, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("no", "no"),
        ("Yes", "Yes"),
        ("2024-01-31", "2024-01-31"),
        ("0x10", "0x10"),
        ("12:30", "12:30"),
        ("-7", -7),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1e999", "1e999"),  # no float can hold it
        ("٣", "٣"),  # a digit, but no number in YAML
    ],
)
def test_a_text_without_quotes_stands_for_what_json_has(text: str, value: object) -> None:
    assert plain_scalar(text) == value
    assert type(plain_scalar(text)) is type(value)


def test_a_mapping_knows_where_its_keys_stand() -> None:
    read = read_yaml("a: 1\n\nb: {c: no, d: '2'}\n", first_line=5)
    assert isinstance(read, Located)
    assert read == {"a": 1, "b": {"c": "no", "d": "2"}}
    assert read.lines == {"a": 5, "b": 7}


def test_an_empty_text_holds_nothing() -> None:
    assert read_yaml("# a comment\n") is None


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("a: 1\na: 2", "the key 'a' is given twice", 2),
        ("a: &x 1", "names and tags, as in &x, are not read", 1),
        ("a: !!python/object:os.system 1", "names and tags, as in !tag:yaml.org", 1),
        ("1.5: 1", "the key 1.5 is not text", 1),
        ("a: 1\n--- 2", "it begins another document", 2),
        ("a: [1", "expected ',' or ']'", 1),
        ("[" * 5000, "it is nested too deeply", None),
        ("a: " + "9" * 5000, "Exceeds the limit", None),
    ],
)
def test_what_is_not_read_is_refused(text: str, problem: str, line: int | None) -> None:
    with pytest.raises(StrictYamlError, match=re.escape(problem)) as refused:
        read_yaml(text)
    assert refused.value.line == line
