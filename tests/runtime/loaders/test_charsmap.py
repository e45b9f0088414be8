"""The character map is one that SentencePiece's readers understand."""

import random
import struct

import pytest
from tokenizers.normalizers import Precompiled

from runtime.loaders.charsmap import build_charsmap


def test_each_key_is_replaced_and_nothing_else() -> None:
    replacements = {"Ａ": "A", "①": "1", "㍿": "株式会社", "\u0001": "", "\u00a0": " ", "ﬁ": "fi"}
    normalizer = Precompiled(build_charsmap(replacements))
    for key, value in replacements.items():
        assert normalizer.normalize_str(key) == value
    assert normalizer.normalize_str("x①Ａ 保修\u0001期") == "x1A 保修期"


def matches(blob: bytes, text: bytes) -> list[tuple[int, str]]:
    """Every key that `text` starts with: its length and replacement, read as the format's description says."""
    (size,) = struct.unpack_from("<I", blob)
    units = struct.unpack_from(f"<{size // 4}I", blob, 4)
    found, position = [], (units[0] >> 10) << ((units[0] & 512) >> 6)
    for length, byte in enumerate(text, 1):
        position ^= byte
        unit = units[position]
        if unit & (1 << 31 | 0xFF) != byte:
            break
        position ^= (unit >> 10) << ((unit & 512) >> 6)
        if unit & 256:
            start = 4 + size + (units[position] & 0x7FFFFFFF)
            found.append((length, blob[start : blob.index(b"\0", start)].decode()))
    return found


def test_a_key_that_begins_another_is_found_beside_it() -> None:
    blob = build_charsmap({"e": "E", "e\u0301": "é", "e\u0301x": ""})
    assert matches(blob, b"e") == [(1, "E")]
    assert matches(blob, "e\u0301xy".encode()) == [(1, "E"), (3, "é"), (4, "")]
    assert matches(blob, b"f") == matches(blob, b"\0") == matches(blob, b"") == []


def test_ten_thousand_random_keys_are_all_found_and_their_neighbours_are_not() -> None:
    chance = random.Random(1)
    characters = chance.sample([chr(code) for code in range(0x100, 0xD800)], 11_000)
    replacements = {character: chance.choice("abcdef") * chance.randrange(4) for character in characters[:10_000]}
    normalizer = Precompiled(build_charsmap(replacements))
    assert all(normalizer.normalize_str(key) == value for key, value in replacements.items())
    assert all(normalizer.normalize_str(character) == character for character in characters[10_000:])


def test_the_same_map_gives_the_same_bytes_in_any_order() -> None:
    pairs = [(chr(code), chr(code + 1)) for code in range(0x3041, 0x3080)]
    assert build_charsmap(dict(pairs)) == build_charsmap(dict(reversed(pairs)))


def test_an_empty_map_changes_nothing() -> None:
    assert Precompiled(build_charsmap({})).normalize_str("a\0b保") == "a\0b保"


@pytest.mark.parametrize("replacements", [{"": "a"}, {"a\0": "b"}, {"a": "\0"}])
def test_what_the_format_cannot_hold_is_refused(replacements: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="cannot replace"):
        build_charsmap(replacements)
