"""The labelled pairs of answers: the better one is as often a as b, and is not known by its length."""

from collections import Counter

import pytest

from tests.eval.data.rows import HAN, read

ROWS = read("judge_pairs")
KINDS = {
    "en": {"wrong": 14, "off_topic": 10, "evasive": 8, "order": 8},
    "zh": {"wrong": 7, "off_topic": 5, "evasive": 4, "order": 4},
}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_kind_has_as_many_as_it_says_and_half_are_swapped(language: str) -> None:
    rows = [row for row in ROWS if row["language"] == language]
    assert Counter(row["kind"] for row in rows) == KINDS[language]
    assert Counter(row["better"] for row in rows) == dict.fromkeys("ab", len(rows) / 2)


def test_ids_questions_and_answers_are_there_once() -> None:
    assert len({row["id"] for row in ROWS}) == len({row["question"] for row in ROWS}) == len(ROWS) == 60
    assert len({text for row in ROWS for text in (row["a"], row["b"])}) == 2 * len(ROWS)
    assert all(row.keys() == {"id", "language", "kind", "question", "a", "b", "better"} for row in ROWS)


def test_the_longer_answer_is_not_the_better_one() -> None:
    longer = Counter(row["better"] == ("a" if len(row["a"]) > len(row["b"]) else "b") for row in ROWS)
    assert 0.3 < longer[True] / len(ROWS) < 0.7


def test_each_pair_is_in_its_language() -> None:
    for row in ROWS:
        assert all(bool(HAN.search(row[key])) == (row["language"] == "zh") for key in ("question", "a", "b")), row
