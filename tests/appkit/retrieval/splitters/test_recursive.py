import time

import pytest

from appkit.retrieval.splitters import split_recursively
from tests.appkit.retrieval.splitters.documents import count_words, document


def texts(text: str, max_tokens: int, overlap_tokens: int = 0) -> list[str]:
    chunks = split_recursively(
        document(text), max_tokens=max_tokens, overlap_tokens=overlap_tokens, count_tokens=count_words
    )
    return [chunk.text for chunk in chunks]


def test_a_short_text_is_one_chunk() -> None:
    assert texts(" \n The pump leaks. Call us.\n", 100) == ["The pump leaks. Call us."]


@pytest.mark.parametrize("text", ["", " \n\t\r\n"])
def test_a_blank_text_has_no_chunks(text: str) -> None:
    assert texts(text, 100) == []


def test_chunks_end_at_sentences() -> None:
    assert texts("The first is here. The second is here. The third is here.", 11) == [
        "The first is here. The second is here.",
        "The third is here.",
    ]


def test_chinese_chunks_end_at_sentences() -> None:
    assert texts("第一句在这里。第二句在这里。第三句在这里。", 15) == ["第一句在这里。第二句在这里。", "第三句在这里。"]


def test_mixed_chunks_end_at_sentences() -> None:
    assert texts("安装 Python。Then run it. 然后重启！", 9) == ["安装 Python。Then run it.", "然后重启！"]


def test_a_paragraph_end_is_preferred_to_a_later_sentence_end() -> None:
    text = "One two three four. Five six seven.\n\nEight nine. Ten eleven twelve. More words follow here."
    assert texts(text, 14)[0] == "One two three four. Five six seven."


def test_what_is_left_over_is_worth_a_chunk() -> None:
    sizes = [count_words(text) for text in texts("Go. " * 9, 16)]
    assert sizes == [14, 4]  # not 16 and 2


def test_overlap_repeats_whole_sentences() -> None:
    text = "The first is here. The second is here. The third is here. The fourth is here."
    assert texts(text, 11, 5) == [
        "The first is here. The second is here.",
        "The second is here. The third is here.",
        "The third is here. The fourth is here.",
    ]


def test_a_sentence_larger_than_the_overlap_is_not_repeated() -> None:
    assert texts("The first is here. The second is here. The third is here.", 11, 4)[1] == "The third is here."


def test_a_long_sentence_is_cut_at_clauses_and_words() -> None:
    text = "the pump, which was old and tired and leaked into the cellar every winter, was at last replaced by us"
    chunks = texts(text, 12)
    assert " ".join(chunks) == text and all(count_words(chunk) <= 12 for chunk in chunks)
    assert any(chunk.endswith(",") for chunk in chunks)


def test_a_long_chinese_sentence_is_cut_at_commas() -> None:
    assert texts("这台水泵已经很旧，每年冬天都会漏水，最后我们换了一台新的", 16) == [
        "这台水泵已经很旧，",
        "每年冬天都会漏水，",
        "最后我们换了一台新的",
    ]


@pytest.mark.parametrize("unit", ["e\u0301", "👩\u200d👩\u200d👧", "👍🏽", "🇩🇪", "\r\n.", "\ud83d\ude00"])
def test_what_reads_as_one_character_is_not_cut(unit: str) -> None:
    chunks = texts(unit * 300, 12)
    assert len(chunks) > 1 and all(len(chunk.strip(unit)) == 0 and len(chunk) % len(unit) in (0, 1) for chunk in chunks)


def test_tokens_that_only_joined_text_costs_are_counted() -> None:
    def count_tokens(text: str) -> int:
        return len(text.split()) + 3 * text.count(". ")

    chunks = split_recursively(document("It is so. " * 20), max_tokens=12, overlap_tokens=0, count_tokens=count_tokens)
    assert [count_tokens(chunk.text) for chunk in chunks] == [9] * 10  # three sentences would count 15


def test_the_rest_of_a_long_sentence_shares_a_chunk_with_the_next() -> None:
    assert texts("word " * 20 + "end. It is so.", 16)[-1].endswith("word end. It is so.")


def test_an_overlap_is_left_out_where_nothing_new_would_fit_beside_it() -> None:
    assert texts("Go. One two three four five six. Seven eight nine ten eleven twelve.", 9, 8) == [
        "Go. One two three four five six.",
        "Seven eight nine ten eleven twelve.",
    ]


@pytest.mark.parametrize("words", [("One.", "Two."), ("one", "two")])
def test_text_far_apart_is_not_put_together(words: tuple[str, str]) -> None:
    assert texts((" " * 1000).join(words), 100) == list(words)


def test_a_character_larger_than_a_chunk_is_named() -> None:
    with pytest.raises(ValueError, match="'x' counts 50 tokens, more than max_tokens, 10: make chunks larger"):
        split_recursively(document("x"), max_tokens=10, overlap_tokens=0, count_tokens=lambda text: 50 * len(text))


@pytest.mark.parametrize("unit", ["a", "中", "a1Z/", "A. ", '。"', "e\u0301", "\n", "🇩🇪", ". "])
def test_a_megabyte_takes_seconds_and_is_never_counted_whole(unit: str) -> None:
    lengths: list[int] = []

    def count_tokens(text: str) -> int:
        lengths.append(len(text))
        return (len(text) + 2) // 3

    text = unit * ((1 << 18) // len(unit))
    started = time.process_time()
    split_recursively(document(text), max_tokens=256, overlap_tokens=32, count_tokens=count_tokens)
    assert time.process_time() - started < 10
    assert max(lengths) <= 8 * 256 and sum(lengths) < 8 * len(text)
