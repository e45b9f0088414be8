"""What a tool returns reads as text: bounded, visible, and true about what is missing."""

import dataclasses
import datetime
import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from appkit.tools.observation import MAX_BYTES, bounded, harmless, observed


@dataclasses.dataclass
class Point:
    x: int
    y: int


class City(BaseModel):
    name: str


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n", "as it is\n"),
        (None, "Done; the tool returned nothing."),
        ("", "The tool returned an empty text."),
        (" \n", "The tool returned an empty text."),
        (b"", "The tool returned no bytes."),
        (3, "3"),
        (0.5, "0.5"),
        (True, "true"),
        ([], "[]"),
        ({"a": [1, "北京"]}, '{"a":[1,"北京"]}'),
        (Point(1, 2), '{"x":1,"y":2}'),
        ([City(name="Bern")], '[{"name":"Bern"}]'),
        (datetime.date(2024, 2, 29), '"2024-02-29"'),
        (Decimal("1.10"), '"1.10"'),
        (b"caf\xc3\xa9 \xff", "café \ufffd"),
        (bytearray(b"ab"), "ab"),
        ({"a": "\ud800\u202e"}, '{"a":"\ufffd\ufffd"}'),
    ],
)
def test_values_become_text(value: Any, text: str) -> None:
    assert observed(value) == text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (object(), "neither text nor data"),
        ({"a": [object()]}, "neither text nor data"),
        (itertools.count(), "a count, which may never end"),
        ((number for number in [1]), "a generator, which may never end"),
        (b"\0\1", "2 bytes that are not text"),
    ],
    ids=["object", "inner", "count", "generator", "binary"],
)
def test_what_is_no_text_is_refused_with_the_reason(value: Any, reason: str) -> None:
    with pytest.raises((TypeError, ValueError), match=reason):
        observed(value)


def test_data_that_holds_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(ValueError, match="Circular reference"):
        observed(loop)


def test_data_nested_without_end_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises((ValueError, RecursionError)):
        observed(deep)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text\x1b]8;;http://x\x1b\\link", "textlink"),
        ("\x1b", "\ufffd"),
        ("a\0b\x07\x9b", "a\ufffdb\ufffd\ufffd"),
        ("one\r\ntwo\rthree\tfour", "one\ntwo\nthree\tfour"),
        ("\u202egpj.exe\u2066", "\ufffdgpj.exe\ufffd"),
        ("\U000e0041\U000e0042", "\ufffd\ufffd"),
        ("lone \udc80", "lone \ufffd"),
        ("👩\u200d👧 中文 é", "👩\u200d👧 中文 é"),
    ],
    ids=["colour", "title", "escape", "controls", "breaks", "bidi", "tags", "surrogate", "kept"],
)
def test_what_hides_or_commands_is_made_visible(text: str, shown: str) -> None:
    assert harmless(text) == shown


@pytest.mark.parametrize("text", ["x" * (MAX_BYTES + 1), "中" * MAX_BYTES], ids=["ascii", "chinese"])
def test_a_long_text_is_cut_between_characters_and_says_so(text: str) -> None:
    cut, _, note = observed(text).rpartition("\n")
    assert len(cut.encode()) in (MAX_BYTES, MAX_BYTES - 1)
    assert text.startswith(cut)
    assert note == f"[Cut here: these are the first {len(cut):,} of {len(text):,} characters.]"


def test_a_text_of_just_the_limit_is_not_cut() -> None:
    assert observed("x" * MAX_BYTES) == "x" * MAX_BYTES


def test_long_bytes_say_how_many_there_were() -> None:
    assert observed(b"x" * 1_000_000).endswith("[Cut here: the tool returned 1,000,000 bytes.]")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=60), st.integers(1, 40))
def test_any_text_comes_out_encodable_and_within_its_bound(text: str, max_bytes: int) -> None:
    shown = bounded(text, max_bytes)
    assert harmless(shown) == shown
    assert len(shown.partition("\n[Cut here")[0].encode()) <= max_bytes
