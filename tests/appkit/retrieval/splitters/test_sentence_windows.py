import pytest

from appkit.retrieval.splitters import split_sentence_windows
from tests.appkit.retrieval.splitters.documents import count_words, document

TEXT = "一。二。三。四。五。"


def texts(text: str, num_sentences: int, num_shared: int, max_tokens: int = 100) -> list[str]:
    chunks = split_sentence_windows(
        document(text),
        num_sentences=num_sentences,
        num_shared=num_shared,
        max_tokens=max_tokens,
        count_tokens=count_words,
    )
    return [chunk.text for chunk in chunks]


def test_windows_slide_over_the_sentences() -> None:
    assert texts(TEXT, 3, 1) == ["一。二。三。", "三。四。五。"]
    assert texts(TEXT, 2, 0) == ["一。二。", "三。四。", "五。"]


def test_a_short_text_is_one_window() -> None:
    assert texts("一。", 3, 2) == ["一。"]
    assert texts(" ", 3, 2) == []


def test_a_window_over_the_limit_becomes_several_chunks() -> None:
    assert texts("a b c d e f. g h i j k l.", 2, 0, 8) == ["a b c d e f.", "g h i j k l."]


@pytest.mark.parametrize(("num_sentences", "num_shared"), [(0, 0), (2, 2), (2, -1)])
def test_impossible_windows_are_refused(num_sentences: int, num_shared: int) -> None:
    with pytest.raises(ValueError, match="num_shared is"):
        texts(TEXT, num_sentences, num_shared)
