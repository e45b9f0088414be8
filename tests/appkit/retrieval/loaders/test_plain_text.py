"""Plain text and code are taken as they are."""

from appkit.retrieval.loaders.plain_text import read_plain_text


def test_the_text_is_the_files_own() -> None:
    text = "  保修 warranty\n\n\tindented  \n"
    assert read_plain_text(text.encode()).text == text


def test_windows_line_ends_a_mark_and_invisible_characters_go() -> None:
    content = read_plain_text("\ufeffa\u200bb\r\nc\0d\r\n".encode())
    assert (content.text, content.metadata) == ("ab\ncd\n", {"removed_invisible": 2})


def test_an_encoding_other_than_utf8_is_said() -> None:
    assert read_plain_text("保修期是两年".encode("gbk")).metadata == {"encoding": "gb18030"}
