"""The documents to summarise: twelve genres a language, two references each, none of them lifted from the text."""

import re

import pytest

from tests.eval.data.rows import HAN, read

GENRES = {
    *("announcement", "diary", "history", "instructions", "interview", "letter"),
    *("minutes", "news", "opinion", "review", "science", "story"),
}


def length(text: str, language: str) -> int:
    """In words or characters."""
    return len(text) if language == "zh" else len(text.split())


@pytest.mark.parametrize("language", ["en", "zh"])
class TestSummaries:
    def test_every_genre_is_there_once(self, language: str) -> None:
        rows = read(f"summaries_{language}")
        assert {row["genre"] for row in rows} == GENRES
        assert [row["id"] for row in rows] == [f"{language}-{row['genre']}" for row in rows]
        assert len({row["document"] for row in rows}) == len(rows) == 12
        assert all(row.keys() == {"id", "genre", "document", "summaries"} for row in rows)

    def test_documents_are_of_the_length_they_should_be(self, language: str) -> None:
        least, most = (120, 250) if language == "en" else (200, 400)
        assert all(least <= length(row["document"], language) <= most for row in read(f"summaries_{language}"))

    def test_two_different_summaries_are_each_under_a_third(self, language: str) -> None:
        for row in read(f"summaries_{language}"):
            assert len(set(row["summaries"])) == 2
            assert all(
                15 < length(text, language) < length(row["document"], language) / 3 for text in row["summaries"]
            ), row["id"]

    def test_no_summary_repeats_a_long_piece_of_its_document(self, language: str) -> None:
        most = 16 if language == "zh" else 8
        for row in read(f"summaries_{language}"):
            for text in row["summaries"]:
                assert longest_run(text, row["document"], language) <= most, (row["id"], text)

    def test_the_language_is_the_one_in_the_name(self, language: str) -> None:
        for row in read(f"summaries_{language}"):
            assert all(bool(HAN.search(text)) == (language == "zh") for text in (row["document"], *row["summaries"]))

    def test_numbers_of_a_summary_stand_in_its_document(self, language: str) -> None:
        for row in read(f"summaries_{language}"):
            for text in row["summaries"]:
                missing = set(re.findall(r"\d+", text)) - set(re.findall(r"\d+", row["document"]))
                assert not missing, (row["id"], missing)


def longest_run(text: str, document: str, language: str) -> int:
    """Words, or characters, in a row that stand in both."""
    units = list(text) if language == "zh" else text.split()
    glue = "" if language == "zh" else " "
    longest = 0
    for start in range(len(units)):
        while start + longest < len(units) and glue.join(units[start : start + longest + 1]) in document:
            longest += 1
    return longest
