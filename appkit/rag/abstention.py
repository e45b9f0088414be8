"""Do the documents answer at all? A probability, learned from questions with and without an answer."""

from appkit.rag.calibration import AbstentionModel, Calibration
from appkit.rag.evidence import Evidence


def answerable_probability(evidence: Evidence, calibration: Calibration, *, shares_language: bool = True) -> float:
    """How likely an answer is among the sentences of `evidence`, which has some, 0 to 1.

    Args:
        shares_language: whether question and documents are in one language; words say nothing otherwise.
    """
    return _chosen(calibration, shares_language).model.probability(
        {
            "chunk_cosine": evidence.chunk_cosine or 0.0,
            "sentence_cosine": evidence.sentence_cosine or 0.0,
            "words": evidence.words,
        }
    )


def is_answerable(probability: float, calibration: Calibration, *, shares_language: bool = True) -> bool:
    """Whether `answerable_probability` is enough to answer."""
    return probability >= _chosen(calibration, shares_language).threshold


def _chosen(calibration: Calibration, shares_language: bool) -> AbstentionModel:
    return calibration.abstention if shares_language else calibration.abstention_without_words
