"""Ranking measures against answers worked out by hand."""

import math

import pytest

from eval.metrics.ranking import average_precision, ndcg_at, precision_at, recall_at, reciprocal_rank

RANKING = ["a", "b", "c", "d", "e"]
GRADES = {"b": 1, "d": 3, "x": 2, "a": 0}  # b and d are found at ranks 2 and 4, x is not found


def test_precision_divides_by_k() -> None:
    assert precision_at(2, RANKING, GRADES) == 1 / 2
    assert precision_at(10, RANKING, GRADES) == 2 / 10  # five items alone are ranked


def test_recall_divides_by_all_that_is_relevant() -> None:
    assert recall_at(1, RANKING, GRADES) == 0
    assert recall_at(4, RANKING, GRADES) == 2 / 3


def test_reciprocal_rank_looks_at_the_first_relevant_item() -> None:
    assert reciprocal_rank(RANKING, GRADES) == 1 / 2
    assert reciprocal_rank(["q", "r"], GRADES) == 0


def test_average_precision_takes_the_precision_at_each_relevant_rank() -> None:
    assert average_precision(RANKING, GRADES) == pytest.approx((1 / 2 + 2 / 4 + 0) / 3)
    assert average_precision(["d", "x", "b"], GRADES) == 1


def test_ndcg_with_linear_gain() -> None:
    dcg = 1 / math.log2(3) + 3 / math.log2(5)
    ideal = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert ndcg_at(5, RANKING, GRADES) == pytest.approx(dcg / ideal)
    assert ndcg_at(2, RANKING, GRADES) == pytest.approx((1 / math.log2(3)) / (3 + 2 / math.log2(3)))


def test_ndcg_with_exponential_gain_stresses_high_grades() -> None:
    dcg = 1 / math.log2(3) + 7 / math.log2(5)
    ideal = 7 + 3 / math.log2(3) + 1 / 2
    assert ndcg_at(5, RANKING, GRADES, gain="exponential") == pytest.approx(dcg / ideal)


def test_ndcg_of_the_best_list_is_one() -> None:
    assert ndcg_at(10, ["d", "x", "b", "q"], GRADES) == 1


@pytest.mark.parametrize("measure", [recall_at, ndcg_at])
def test_a_query_without_a_relevant_item_is_refused(measure) -> None:
    with pytest.raises(ValueError, match="leave it out"):
        measure(5, RANKING, {"a": 0})


def test_k_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="k is 0"):
        precision_at(0, RANKING, GRADES)
