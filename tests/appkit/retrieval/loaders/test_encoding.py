"""Encodings are tried in a stated order, strictly."""

import pytest

from appkit.retrieval.loaders.encoding import decode
from appkit.retrieval.loaders.errors import UnusableContentError

CHINESE = "水泵的保修期是两年，密封圈为一年。详见《手册》第三章。"
FRENCH = "La pompe est garantie deux ans à compter de l’achat, même usée: voilà."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gb18030", "gbk", "gb2312"])
def test_chinese_is_read_in_every_encoding_it_comes_in(encoding: str) -> None:
    assert decode(CHINESE.encode(encoding))[0] == CHINESE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be", "cp1252"])
def test_french_is_read_and_not_taken_for_chinese(encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert decode(mark + FRENCH.encode(encoding)) == (FRENCH, encoding)


def test_a_western_word_that_happens_to_decode_as_chinese_stays_western() -> None:
    assert decode("a naïve idea".encode("cp1252")) == ("a naïve idea", "cp1252")


def test_a_mixed_text_in_gb18030_is_chinese() -> None:
    text = "The pump 水泵 is guaranteed 保修 for two years. " * 20
    assert decode(text.encode("gbk")) == (text, "gb18030")


def test_what_a_document_declares_is_tried_first() -> None:
    assert decode("保固期為兩年".encode("big5"), "big5") == ("保固期為兩年", "big5")
    assert decode("保修".encode(), "no-such-encoding") == ("保修", "utf-8")
    assert decode(b"abc", "rot13") == ("abc", "utf-8")


@pytest.mark.parametrize("data", ["保修期".encode() + b"\xff", "固期為兩年".encode("big5"), b"\x81\x8d\x8f\x90" * 9])
def test_an_unknown_encoding_is_corrupt_and_never_replaced(data: bytes) -> None:
    with pytest.raises(UnusableContentError, match="save it as UTF-8") as caught:
        decode(data)
    assert caught.value.reason == "corrupt"


@pytest.mark.parametrize(
    "data", [bytes(range(256)), b"\0" * 9, b"%PDF-1.7 text", b"PK\x03\x04aaaa", "ab".encode("utf-16-le")]
)
def test_what_is_no_text_is_binary(data: bytes) -> None:
    with pytest.raises(UnusableContentError) as caught:
        decode(data)
    assert caught.value.reason == "binary"


def test_a_stray_nul_does_not_make_a_text_binary() -> None:
    assert decode(b"a line of text with a\0NUL in it") == ("a line of text with a\0NUL in it", "utf-8")


def test_a_text_cut_within_its_marked_encoding_says_where() -> None:
    with pytest.raises(UnusableContentError, match="byte 4"):
        decode(b"\xff\xfea\0b")
