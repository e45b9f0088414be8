"""The sentence pairs: five registers, two references on each side, nothing twice."""

import difflib
from collections import Counter

from tests.eval.data.rows import HAN, read

ROWS = read("translation_zh_en")
REGISTERS = {"daily", "technical", "news", "formal", "idiomatic"}


def test_there_are_sixteen_of_each_register_with_ids_of_their_own() -> None:
    assert Counter(row["register"] for row in ROWS) == dict.fromkeys(REGISTERS, 16)
    assert {row["id"] for row in ROWS} == {f"{name}-{number:02d}" for name in REGISTERS for number in range(1, 17)}
    assert all(row.keys() == {"id", "register", "zh", "en", "zh_references", "en_references"} for row in ROWS)


def test_each_side_has_its_own_text_and_another_as_references() -> None:
    for row in ROWS:
        for side in ("zh", "en"):
            assert row[f"{side}_references"][0] == row[side]
            assert len(set(row[f"{side}_references"])) == 2


def test_references_say_it_in_other_words() -> None:
    """Not the same sentence with a comma less."""
    for row in ROWS:
        for side in ("zh", "en"):
            first, second = row[f"{side}_references"]
            assert difflib.SequenceMatcher(None, first, second, autojunk=False).ratio() < 0.9, row["id"]


def test_no_sentence_stands_there_twice() -> None:
    sentences = [text for row in ROWS for side in ("zh", "en") for text in row[f"{side}_references"]]
    assert len({text.casefold() for text in sentences}) == len(sentences) == 320


def test_each_side_is_in_its_language_and_a_sentence_long() -> None:
    for row in ROWS:
        for text in row["zh_references"]:
            assert len(HAN.findall(text)) >= 8, text
            assert text[-1] in "。？！”" and len(text) <= 60, text
        for text in row["en_references"]:
            assert not HAN.search(text)
            assert text[-1] in ".?!" and 5 <= len(text.split()) <= 30, text


def test_pairs_are_of_a_length() -> None:
    """A character of Chinese is two thirds of an English word; a sentence that was mixed up would stand out."""
    for row in ROWS:
        ratio = len(HAN.findall(row["zh"])) / len(row["en"].split())
        assert 0.5 < ratio < 2.8, (row["id"], ratio)
