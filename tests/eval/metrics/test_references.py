"""Predictions and references that do not fit together are told apart before anything is counted."""

import pytest

from eval.metrics.references import checked_pairs

PREDICTIONS = ["the cat sat on the mat", "a dog ran far away"]
SQUARE = [
    ["the cat sat on a mat", "on the mat sat the cat"],
    ["the dog ran far away", "far away ran a dog"],
]


def test_one_reference_or_several_are_taken() -> None:
    assert checked_pairs(["a", ""], ["b", "c"]) == (["a", ""], [("b",), ("c",)])
    assert checked_pairs(("a", "d"), [["b", "c"], ("d",)]) == (["a", "d"], [("b", "c"), ("d",)])


@pytest.mark.parametrize("references", [[["a", "b", "c"]], [["a", "b", "c"], ["d", "e", "f"]]])
def test_references_the_wrong_way_round_are_told_by_their_numbers(references) -> None:
    with pytest.raises(ValueError, match=r"the wrong way round: \d lists of 3 for 3 predictions"):
        checked_pairs(["a", "b", "c"], references)


def test_as_many_predictions_as_references_are_told_apart_by_their_words() -> None:
    assert checked_pairs(PREDICTIONS, SQUARE)[1] == [tuple(row) for row in SQUARE]
    turned = list(zip(*SQUARE, strict=True))
    with pytest.raises(ValueError, match=r"only when these are turned round.*list\(zip\(\*references\)\)"):
        checked_pairs(PREDICTIONS, turned)


def test_predictions_like_nothing_are_taken_as_they_stand() -> None:
    checked_pairs(["x y z", "q r s"], SQUARE)
    checked_pairs(["", ""], SQUARE)


@pytest.mark.parametrize(
    ("predictions", "references", "error", "message"),
    [
        ([], [], ValueError, "There are no predictions"),
        (["a", "b"], ["a"], ValueError, "2 predictions and references for 1"),
        (["a"], [[]], ValueError, "Prediction 0 has no reference"),
        (["a", "b"], ["a", " \n"], ValueError, "A reference of prediction 1 is empty"),
        (["a"], [["a", ""]], ValueError, "A reference of prediction 0 is empty"),
        ("a text", ["a"], TypeError, "predictions is the text 'a text'; give a list"),
        (["a"], "a", TypeError, "references is the text 'a'; give a list"),
        ([float("nan")], ["a"], TypeError, "Prediction 0 is nan, which is not text"),
        (["a", None], ["a", "b"], TypeError, "Prediction 1 is None"),
        (["a"], [float("nan")], TypeError, "Reference 0 is nan, which is not text"),
        (["a"], [[None]], TypeError, "A reference of prediction 0 is None"),
    ],
)
def test_what_cannot_be_compared_is_refused(predictions, references, error, message) -> None:
    with pytest.raises(error, match=message):
        checked_pairs(predictions, references)
