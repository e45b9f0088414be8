import pytest

from runtime.errors import TokenizerError
from runtime.tokenizer.bounds import MAX_RUN, bounded_parts, check_text


@pytest.mark.parametrize(("text", "size"), [("a" * 11, "11 characters"), ("é" * 6, "12 bytes")])
def test_text_over_the_limit_is_refused_with_both_sizes(text: str, size: str) -> None:
    with pytest.raises(TokenizerError, match=f"{size}.*at most 10 bytes"):
        check_text(text, 10)


def test_text_at_the_limit_passes() -> None:
    check_text("é" * 5, 10)


@pytest.mark.parametrize("text", ["\ud800", "a" * 100 + "\udfff", "😀\ud83d"])
def test_lone_surrogate_is_refused(text: str) -> None:
    with pytest.raises(TokenizerError, match="lone surrogate"):
        check_text(text, 1000)


@pytest.mark.parametrize("text", ["", "a b" * MAX_RUN, "a" * (MAX_RUN - 1), " " * (MAX_RUN - 1)])
def test_text_without_a_long_run_stays_whole(text: str) -> None:
    assert list(bounded_parts(text)) == [text]


@pytest.mark.parametrize("run", [" ", "a", "世", "!", " \n", "ab"])
def test_long_run_is_cut_and_nothing_is_lost(run: str) -> None:
    text = "start " + run * (2 * MAX_RUN) + "\tend"
    parts = list(bounded_parts(text))
    assert "".join(parts) == text
    assert max(map(len, parts)) <= MAX_RUN + len("start ") + len("\tend")


def test_cut_goes_where_a_word_ends() -> None:
    text = ("a" * (MAX_RUN // 3) + ",") * 9
    parts = list(bounded_parts(text))
    assert len(parts) > 1
    assert all(part.startswith(",") for part in parts[1:])
