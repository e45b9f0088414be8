"""The text of a prompt divides into messages at lines that begin with ===, before anything is rendered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appkit import TemplateError
from appkit.templates.origin import Origin
from appkit.templates.parts import Part, split_parts

ORIGIN = Origin(name="t")


def sources(body: str) -> list[tuple[str, str]]:
    return [(part.speaker, part.source) for part in split_parts(ORIGIN, body, 1)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", [("user", "")]),
        ("hi\n", [("user", "hi")]),
        ("\nhi\n\n", [("user", "\nhi\n")]),
        ("\n\n=== system\na\n\n=== user\n\nb", [("system", "a\n"), ("user", "\nb")]),
        ("=== user\n=== assistant\n", [("user", ""), ("assistant", "")]),
        ("=== user\n====\n===\n == user\n === user\n", [("user", "====\n===\n == user\n === user")]),
        ("=== user\n=== A title ===\n", [("user", "=== A title ===")]),
    ],
)
def test_a_part_reaches_from_its_marker_to_the_next(body: str, expected: list[tuple[str, str]]) -> None:
    assert sources(body) == expected


def test_parts_know_their_lines() -> None:
    parts = split_parts(ORIGIN, "\n=== system\na\nb\n=== user\nc", 10)
    assert parts == (Part(speaker="system", source="a\nb", line=12), Part(speaker="user", source="c", line=15))


lines = st.text(st.characters(exclude_characters="\r"), max_size=20).filter(lambda text: "===" not in text)


@given(texts=st.lists(lines, min_size=1, max_size=5))
def test_text_without_markers_is_kept_byte_for_byte(texts: list[str]) -> None:
    body = "".join(f"=== user\n{text}\n" for text in texts)
    assert sources(body) == [("user", text) for text in texts]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("hi\n=== user\na", "'hi' stands before the first line"),
        ("=== users\na", "'=== users' begins no message; write '=== ' and one of system, user"),
        ("=== tool\na", "begins no message"),
        ("=== user \na", "begins no message"),
        ("=== User\na", "begins no message"),
        ("=== user\na\n=== example\nb", r"line 3\): the line '=== example' begins no message"),
        ("=== example.user\na\n=== user\nb", "one '=== example.user' with one"),
        ("=== example.assistant\na\n=== example.user\nb\n=== user\nc", "examples are shown by one"),
        ("=== user\nc\n=== example.user\na\n=== example.assistant\nb", "a message must follow them"),
        ("=== example.user\na\n=== user\nx\n=== example.assistant\nb\n=== user\nc", "examples are shown"),
        ("=== user\na\n" * 65, "65 messages; at most 64"),
    ],
)
def test_what_could_be_a_slip_is_refused(body: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        sources(body)
