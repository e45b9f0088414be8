"""Predictions and their references, checked before anything is counted.

References come as one text for each prediction, or as several texts for each prediction. Some tools want them the other
way round, a list of first references and a list of second ones; measured so, figures look fine and mean nothing.
"""

from collections.abc import Sequence
from typing import Any

from eval.metrics.tokens import text_tokens

# Several references of a prediction, or one
References = Sequence[str] | Sequence[Sequence[str]]

WAY_OUT = "Give the references of each prediction together; list(zip(*references)) turns them round."


def checked_pairs(predictions: Sequence[str], references: References) -> tuple[list[str], list[tuple[str, ...]]]:
    """Predictions, and for each its references.

    Raises:
        TypeError: something that is not text, such as a missing value (nan).
        ValueError: nothing to compare, a missing or blank reference, other numbers of them, or references that are
            the wrong way round.
    """
    texts = checked_texts(predictions, "prediction")
    given: Any = references
    if isinstance(given, str):
        raise TypeError(f"references is the text {_shown(given)}; give a list with one for every prediction.")
    per_prediction = [(item,) if isinstance(item, str) else item for item in given]
    for idx, item in enumerate(per_prediction):
        if not isinstance(item, Sequence):
            raise TypeError(f"Reference {idx} is {_shown(item)}, which is not text.")
        for text in item:
            _check_reference(text, idx)
    _check_numbers(texts, [tuple(item) for item in per_prediction])
    return texts, [tuple(item) for item in per_prediction]


def checked_texts(texts: Sequence[str], what: str) -> list[str]:
    """The texts as a list; empty ones are allowed, for a model may say nothing.

    Raises:
        TypeError: a single text, or an item that is none.
        ValueError: no texts.
    """
    given: Any = texts
    if isinstance(given, str):
        raise TypeError(f"{what}s is the text {_shown(given)}; give a list of texts: [text].")
    listed = list(given)
    if not listed:
        raise ValueError(f"There are no {what}s: nothing can be measured.")
    for idx, text in enumerate(listed):
        if not isinstance(text, str):
            raise TypeError(f"{what.capitalize()} {idx} is {_shown(text)}, which is not text.")
    return listed


def _check_reference(text: Any, idx: int) -> None:
    if not isinstance(text, str):
        raise TypeError(f"A reference of prediction {idx} is {_shown(text)}, which is not text.")
    if not text.strip():
        raise ValueError(
            f"A reference of prediction {idx} is empty, and nothing can match it. Leave that prediction out, or leave "
            "the reference out where there are others."
        )


def _check_numbers(texts: list[str], references: list[tuple[str, ...]]) -> None:
    sizes = {len(item) for item in references}
    if len(texts) != len(references):
        if sizes == {len(texts)}:
            raise ValueError(
                f"The references are the wrong way round: {len(references)} lists of {len(texts)} for {len(texts)} "
                f"predictions. {WAY_OUT}"
            )
        raise ValueError(
            f"There are {len(texts)} predictions and references for {len(references)}; each needs its own."
        )
    empty = next((idx for idx, item in enumerate(references) if not item), None)
    if empty is not None:
        raise ValueError(f"Prediction {empty} has no reference: nothing can be compared with it.")
    if len(texts) > 1 and sizes == {len(texts)} and _fits_better_turned(texts, references):
        raise ValueError(
            f"There are {len(texts)} predictions with {len(texts)} references each, and the predictions are like the "
            f"references only when these are turned round. {WAY_OUT}"
        )


def _fits_better_turned(texts: list[str], references: list[tuple[str, ...]]) -> bool:
    """Whether rows and columns, which the numbers cannot tell apart, are told apart by what is in them.

    Only a clear case counts: turned round they share a third of their tokens, and over twice as many as they do now.
    """
    token_sets = [frozenset(text_tokens(text)) for text in texts]
    others = [[frozenset(text_tokens(text)) for text in row] for row in references]
    places = [(i, j) for i in range(len(texts)) for j in range(len(texts)) if i != j]
    now = sum(_overlap(token_sets[i], others[i][j]) for i, j in places) / len(places)
    turned = sum(_overlap(token_sets[i], others[j][i]) for i, j in places) / len(places)
    return turned > 1 / 3 and turned > 2 * now


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 0.0


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
