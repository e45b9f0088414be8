"""Reciprocal rank fusion against sums worked out by hand."""

import pytest

from appkit.retrieval.fusion import fuse_rankings, fusion_weights


def test_an_item_that_both_lists_name_rises_above_the_firsts() -> None:
    fused = fuse_rankings({"bm25": [1, 2], "dense": [3, 2]})
    assert fused == [(2, pytest.approx(1 / 62 + 1 / 62)), (1, 1 / 61), (3, 1 / 61)]


def test_equal_scores_are_ordered_by_id() -> None:
    assert [item for item, _ in fuse_rankings({"a": [9, 4], "b": [4, 9]})] == [4, 9]


def test_a_weight_scales_what_a_list_says() -> None:
    fused = fuse_rankings({"bm25": [1], "dense": [2]}, k=1, weights={"dense": 0.5})
    assert fused == [(1, 1 / 2), (2, 1 / 4)]


def test_one_list_alone_keeps_its_order() -> None:
    assert [item for item, _ in fuse_rankings({"a": [5, 1, 7], "b": []})] == [5, 1, 7]


def test_a_small_k_lets_first_ranks_stand_out() -> None:
    rankings = {"a": [1, 2, 3], "b": [4, 2, 5, 1]}
    assert fuse_rankings(rankings, k=0.1)[0][0] == 1  # a first and a fourth rank
    assert fuse_rankings(rankings, k=100)[0][0] == 2  # two second ranks


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="k is 0"):
        fuse_rankings({"a": [1]}, k=0)
    with pytest.raises(ValueError, match="0 or more"):
        fuse_rankings({"a": [1]}, weights={"a": -1})
    with pytest.raises(ValueError, match="'a' names an item twice"):
        fuse_rankings({"a": [1, 1]})


def test_keywords_decide_where_the_embedder_does_not_know_the_language() -> None:
    foreign, known = fusion_weights("zh", "minilm-l6"), fusion_weights("zh", "e5-small-multilingual")
    first, second = (fuse_rankings({"bm25": [1, 2], "dense": [2, 1]}, weights=weights) for weights in (foreign, known))
    assert (first[0][0], second[0][0]) == (1, 2)
    assert known == fusion_weights("en", "minilm-l6")
