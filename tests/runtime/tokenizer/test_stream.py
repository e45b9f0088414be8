import pytest

from runtime.tokenizer.stream import Utf8Stream


class Pieces:
    special_ids = frozenset({9})

    def token_bytes(self, token_id: int) -> bytes:
        return [b" a", b"\xe4", b"\xb8\x96", b"\xff", b" ", b"", b"\xf0\x9f", b"\x98\x80", b"b", b"<end>"][token_id]


def stream(*, drops_space: bool = False, continues: bool = False) -> Utf8Stream:
    return Utf8Stream(Pieces(), skip={9}, drops_space_after={9} if drops_space else None, continues=continues)


@pytest.mark.parametrize(
    ("ids", "texts"),
    [
        ([1, 2], ["", "世"]),  # one character in two tokens
        ([6, 7, 8], ["", "😀", "b"]),
        ([3, 8], ["\ufffd", "b"]),  # a byte that begins nothing
        ([1, 8], ["", "\ufffdb"]),  # half a character that stays one
        ([1, 9, 2], ["", "", "世"]),
    ],
)
def test_text_comes_when_its_characters_are_whole(ids: list[int], texts: list[str]) -> None:
    decoder = stream()
    assert [decoder.push(token_id) for token_id in ids] == texts
    assert decoder.flush() == ""


def test_flush_gives_up_on_half_a_character() -> None:
    decoder = stream()
    assert decoder.push(6) == ""
    assert decoder.flush() == "\ufffd"


def test_first_space_is_dropped_once() -> None:
    decoder = stream(drops_space=True)
    assert [decoder.push(token_id) for token_id in (5, 0, 0)] == ["", "a", " a"]


def test_space_after_a_special_token_is_dropped_again() -> None:
    decoder = stream(drops_space=True)
    assert [decoder.push(token_id) for token_id in (0, 9, 0, 0)] == ["a", "", "a", " a"]


def test_continued_text_keeps_its_space() -> None:
    assert stream(drops_space=True, continues=True).push(0) == " a"
