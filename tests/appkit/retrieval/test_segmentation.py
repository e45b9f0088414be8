import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.retrieval import segmentation
from appkit.retrieval.segmentation import MAX_WORD_LEN, search_words

unhurried = settings(deadline=None)  # an example may wait for the other tests of a busy machine


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The Pumps are leaking!", ["the", "pump", "ar", "leak"]),
        ("ＡＢＣ１２３ Straße naïve", ["abc123", "strass", "naïve"]),  # full width, German, an accent
        ("cafe\u0301", ["café"]),  # composed
        ("max_seq_len", ["max_seq_len", "max", "seq", "len"]),
        ("os.path", ["os.path", "os", "path"]),
        ("getHTTPResponse", ["gethttpresponse", "get", "http", "respons"]),
        ("state-of-the-art", ["state", "of", "the", "art"]),
        ("e5-small", ["e5-small", "e5", "small"]),
        ("IPv6 H2O", ["ipv6", "h2o"]),
        ("Bob's dogs don’t", ["bob", "dog", "dont"]),
        ("1,000 and 3.14, 2.0.1; 1,2", ["1000", "and", "3.14", "2.0.1", "1", "2"]),
        ("C++, C# and .NET.", ["c++", "c#", "and", "net"]),
        ("保修期是多久？", ["保修", "保修期", "是", "多久"]),
        ("在Debian系统中安装", ["在", "debian", "系统", "中", "安装"]),
        ("タワー 한국어 あ", ["タワ", "ワー", "한국", "국어", "あ"]),
        ("ภาษา", ["ภา", "าษ", "ษา"]),
        ("हिन्दी", ["हिन्दी"]),
        ("", []),
        ("… —— ！？ _ - .", []),
    ],
)
def test_text_gives_the_words_people_search_for(text: str, words: list[str]) -> None:
    assert search_words(text) == words


@pytest.mark.parametrize("inflected", ["PUMP", "pumps", "Pumping", "pumped", "pump's"])
def test_forms_of_a_word_meet(inflected: str) -> None:
    assert search_words(inflected) == ["pump"]


@unhurried
@given(st.text(max_size=200))
def test_words_are_short_lower_case_and_without_white_space(text: str) -> None:
    for word in search_words(text):
        assert 0 < len(word) <= MAX_WORD_LEN and word.split() == [word]


@unhurried
@given(st.text("aB中文あ한ก.-_ '1", max_size=60), st.text("aB中文あ한ก.-_ '1", max_size=60))
def test_a_line_end_separates_words(left: str, right: str) -> None:
    assert search_words(f"{left}\n{right}") == search_words(left) + search_words(right)


def test_a_megabyte_without_spaces_gives_one_short_word() -> None:
    assert [len(word) for word in search_words("a1" * 500_000)] == [MAX_WORD_LEN]


def test_chinese_becomes_pairs_where_the_cutter_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rjieba", None)
    segmentation._chinese_cutter.cache_clear()
    try:
        assert search_words("保修期是") == ["保修", "修期", "期是"]
    finally:
        segmentation._chinese_cutter.cache_clear()
