"""The multiple-choice questions: as many as they say, right answers spread evenly, and no trick that finds them."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from tests.eval.data.rows import HAN, read

LANGUAGES = ("en", "zh")
CATEGORIES = {"everyday", "reading", "arithmetic", "language"}
Row = Mapping[str, Any]


@pytest.mark.parametrize("language", LANGUAGES)
class TestChoices:
    def test_there_are_fifteen_of_each_category_with_ids_of_their_own(self, language: str) -> None:
        rows = read(f"choices_{language}")
        assert Counter(row["category"] for row in rows) == dict.fromkeys(CATEGORIES, 15)
        assert {row["id"] for row in rows} == {
            f"{language}-{category}-{number:02d}" for category in CATEGORIES for number in range(1, 16)
        }
        assert all(row.keys() == {"id", "category", "question", "choices", "answer"} for row in rows)

    def test_each_asks_once_and_offers_four_different_choices(self, language: str) -> None:
        rows = read(f"choices_{language}")
        assert len({row["question"] for row in rows}) == 60
        for row in rows:
            assert len(set(map(str.casefold, row["choices"]))) == 4, row["id"]
            assert all(choice == choice.strip() != "" for choice in row["choices"]), row["id"]

    def test_every_place_is_right_equally_often(self, language: str) -> None:
        assert Counter(row["answer"] for row in read(f"choices_{language}")) == dict.fromkeys(range(4), 15)

    @pytest.mark.parametrize("choose", [max, min])
    def test_length_does_not_tell_the_answer(self, language: str, choose: Any) -> None:
        rows = read(f"choices_{language}")
        assert 0.15 <= sum(share_by_length(row, choose) for row in rows) / len(rows) <= 0.35

    def test_no_category_has_its_answer_at_a_usual_place(self, language: str) -> None:
        counts = Counter((row["category"], row["answer"]) for row in read(f"choices_{language}"))
        assert max(counts.values()) <= 8

    def test_no_question_outside_reading_says_its_answer_alone(self, language: str) -> None:
        for row in read(f"choices_{language}"):
            said = [idx for idx, choice in enumerate(row["choices"]) if says(row["question"], choice)]
            assert row["category"] == "reading" or said != [row["answer"]], row["id"]

    def test_the_language_is_the_one_in_the_name(self, language: str) -> None:
        for row in read(f"choices_{language}"):
            assert bool(HAN.search(row["question"])) == (language == "zh"), row["id"]
            if row["category"] != "arithmetic":
                assert all(bool(HAN.search(choice)) == (language == "zh") for choice in row["choices"]), row["id"]


def share_by_length(row: Row, choose: Any) -> float:
    """How often the right one is found by its length alone, drawing among equally long ones."""
    lengths = [len(choice) for choice in row["choices"]]
    candidates = [idx for idx, length in enumerate(lengths) if length == choose(lengths)]
    return (row["answer"] in candidates) / len(candidates)


def says(question: str, choice: str) -> bool:
    if HAN.search(choice):
        return choice in question
    return re.search(rf"\b{re.escape(choice)}\b", question, re.IGNORECASE) is not None


def test_arithmetic_answers_are_what_their_questions_come_to() -> None:
    """Worked out here a second time, by hand, in the order of the files."""
    english = [20 / 4, 2 * 12 + 3, 25 + 20, 0.9, 40 / 2, 15 - 6 + 2, 7 * 8, -(-25 // 6), 2 * (5 + 3), 9 + 3 + 2, 16 * 2,
               2.5 * 60, 3 * 15, 100 - 37, 12 / 3 * 2]  # fmt: skip
    chinese = [7 * 2, 3 * 2 + 2 * 4, 12 / 4, 0.07, 20 - 13 + 5, 6 * 9, None, 120 / 15, 12 + 3, 4 * 4, 100 * 0.8, 3 * 7,
               85 / 5, 60 * 1.5, sum(range(1, 6))]  # fmt: skip
    for language, wanted in (("en", english), ("zh", chinese)):
        rows = [row for row in read(f"choices_{language}") if row["category"] == "arithmetic"]
        given = [row["choices"][row["answer"]].removesuffix(" cm") for row in rows]
        assert [None if text == "9:35" else float(text) for text in given] == wanted
