import time

import pytest

from runtime.tokenizer.special import SpecialTokens

IDS = {"<a>": 1, "<ab>": 2, "<ab>c": 3, "\n\n": 4, "\n\n\n": 5, "x": 6}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("plain", ["plain"]),
        ("<a>", [1]),
        ("p<a>q", ["p", 1, "q"]),
        ("<ab>c<ab>d", [3, 2, "d"]),  # the longest that starts there
        ("<<a", ["<<a"]),
        ("\n\n\n\n\n", [5, 4]),
        ("\n", ["\n"]),
        ("axb", ["a", 6, "b"]),
        ("<a<a>", ["<a", 1]),
    ],
)
def test_leftmost_longest_spelling_is_found(text: str, parts: list[str | int]) -> None:
    assert list(SpecialTokens(IDS).split(text)) == parts


def test_white_space_after_a_token_is_swallowed_where_it_should() -> None:
    tokens = SpecialTokens({"<a>": 1, "<b>": 2}, strips_right=frozenset({1}))
    assert list(tokens.split("<a> \n x<b> y<a>  ")) == [1, "x", 2, " y", 1]


def test_no_tokens_leave_the_text_whole() -> None:
    assert list(SpecialTokens({}).split("a<b>")) == ["a<b>"]


@pytest.mark.parametrize("spelling", ["^", "]", "-a", "\\", "[^", "a-", "a]", "a^", "a\\"])
def test_spelling_of_pattern_characters_is_taken_literally(spelling: str) -> None:
    assert list(SpecialTokens({spelling: 7, "zz": 8}).split(f"+{spelling}+")) == ["+", 7, "+"]


@pytest.mark.slow
def test_many_tokens_with_one_beginning_take_linear_time() -> None:
    tokens = SpecialTokens({f"<unused{i}>": i for i in range(6000)})
    start = time.process_time()
    assert list(tokens.split("<u" * 250_000)) == ["<u" * 250_000]
    assert time.process_time() - start < 5  # 0.5 s where it was written
