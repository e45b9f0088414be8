"""The front matter is the part of YAML that JSON has, and what is not in it is refused with its line."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit import TemplateError
from appkit.templates import Prompt
from appkit.templates.front_matter import read_front_matter, split_front_matter
from appkit.templates.origin import Origin

ORIGIN = Origin(name="t")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("null", None),
        ("", None),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("007", 7),
        ("0x1f", "0x1f"),
        ("-3", -3),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        (".inf", ".inf"),
        ("'5'", "5"),
        ("你好🎉", "你好🎉"),
        ("[a, 1, [true]]", ["a", 1, [True]]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("|-\n  two\n  lines", "two\nlines"),
    ],
)
def test_scalars_are_those_of_json(text: str, value: object) -> None:
    assert read_front_matter(ORIGIN, f"key: {text}") == {"key": value}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", r"line 4\): the front matter cannot be read: the key 'a' is given twice"),
        ("a: &x [1]", "as in &x, are not read"),
        ("a: *x", "as in &x, are not read"),
        ("a: !!python/object/apply:os.system [ls]", r"line 2\): .*are not read"),
        ("a: !mine 1", "as in !mine"),
        ("1.5: a", "the key 1.5 is not text"),
        ("[a]: b", "the key"),
        ("a: [", "line 2"),
        ("a: {b: c?}", "stands in quotes"),
        ("- a", "the front matter is a list"),
        ("a: \x07", "cannot be read"),
        ("a: 1\n--- b", "cannot be read"),
        ("a: " + "9" * 5000, "cannot be read"),
        ("a: " + "[" * 5000, "nested too deeply"),
    ],
)
def test_what_is_not_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        read_front_matter(ORIGIN, text)


def test_keys_know_their_lines() -> None:
    header = read_front_matter(ORIGIN, "a: 1\n# comment\nb:\n  c: 2")
    assert header.lines == {"a": 2, "b": 4}
    assert header["b"].lines == {"c": 5}


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("---\na: 1\n---\nbody\n", ("a: 1", "body\n", 4)),
        ("---\n---\nbody", ("", "body", 3)),
        ("---\na: 1\n---", ("a: 1", "", 4)),
        ("---\na: 1\n---\n\n---\n", ("a: 1", "\n---\n", 4)),
        ("body\n---\n", (None, "body\n---\n", 1)),
    ],
)
def test_the_fences_divide(source: str, parts: tuple[str | None, str, int]) -> None:
    assert split_front_matter(ORIGIN, source) == parts


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("---\na: 1\n", "has no end"),
        ("--- \na: 1\n---\n", "spaces around it"),
        ("---\na: " + "x" * 70_000 + "\n---\n", "70,003 characters"),
        ("\ufeff---\n---\n", "byte order mark"),
        ("---\na: 1\n---\nhi\r\n", r"line 4\): lines end in a carriage return"),
    ],
)
def test_a_front_matter_that_could_be_misread_is_refused(source: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        Prompt.from_text(source)


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("purpos: x", r"line 2\): the front matter has 'purpos'; it takes purpose, version"),
        ("version: 0", "version is 0"),
        ("version: '1'", "version is '1'"),
        ("purpose: [a]", "purpose is"),
        ("variables: [a]", "variables is"),
        ("options: 3", "options is 3"),
        ("examples: a.jsonl", "no '=== example.user'"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(header: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        Prompt.from_text(f"---\n{header}\n---\nhi")


def test_the_language_is_what_the_front_matter_or_the_name_says() -> None:
    assert Prompt.from_text("---\nlanguage: en\n---\n", name="a/b").language == "en"
    assert Prompt.from_text("---\nversion: 2\n---\n", name="a/b.zh").language == "zh"
    with pytest.raises(TemplateError, match=r"language is 'en' and its name ends in \.zh"):
        Prompt.from_text("---\nlanguage: en\n---\n", name="a/b.zh")


@settings(deadline=None, max_examples=200)
@given(text=st.text(alphabet="ab:-[]{},#&*!|>'\"?%@ \n\t012.", max_size=80))
def test_any_text_is_read_or_refused_with_a_template_error(text: str) -> None:
    try:
        Prompt.from_text(f"---\n{text}\n---\nhi")
    except TemplateError as error:
        assert "Prompt text" in str(error)


@pytest.mark.parametrize("text", ["[" * 60_000, "{a: " * 15_000, "a: " * 20_000, "- " * 30_000, "'" + "x" * 60_000])
def test_hostile_front_matter_is_refused_in_time(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(TemplateError):
        Prompt.from_text(f"---\n{text}\n---\n")
    assert time.monotonic() - started < 10
