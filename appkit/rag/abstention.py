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


def is_answerable(
    probability: float, calibration: Calibration, *, shares_language: bool = True, is_chinese: bool = False
) -> bool:
    """Whether `answerable_probability` is enough to answer a question, Chinese or not."""
    chosen = _chosen(calibration, shares_language)
    threshold = chosen.chinese_threshold if is_chinese and chosen.chinese_threshold is not None else chosen.threshold
    return probability >= threshold


def _chosen(calibration: Calibration, shares_language: bool) -> AbstentionModel:
    return calibration.abstention if shares_language else calibration.abstention_without_words
