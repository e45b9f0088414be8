"""Numbers learned from data: how sentences are ranked, and when the documents hold no answer.

Both are logistic models with a weight for each thing that can be seen. Cosines mean different things in different
embedders, so each embedder has its own; where the embedder is unknown, or does not know the language of the question,
words alone decide. Learned by `python -m eval.tasks.clapnq --calibrate` on every other question of CLAPNQ's answerable
and unanswerable ones; what they reach on the other half is in `eval/results/clapnq.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """p = 1 / (1 + exp(-(bias + Σ weight · value)))."""

    bias: float
    weights: Mapping[str, float]

    def logit(self, values: Mapping[str, float]) -> float:
        """The sum before it becomes a probability; names without a weight do not count."""
        return self.bias + sum(weight * values[name] for name, weight in self.weights.items())

    def probability(self, values: Mapping[str, float]) -> float:
        """0 to 1."""
        return 1.0 / (1.0 + exp(-max(-60.0, min(60.0, self.logit(values)))))


@dataclass(frozen=True, kw_only=True)
class AbstentionModel:
    """How likely the documents answer, and from where on we say that they do."""

    model: Logistic
    threshold: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was learned for one embedder.

    Attributes:
        sentences: of "cosine" (question and sentence), "words" (share of the question's words in the sentence), "type"
            (`answer_type_hint`) and "rank" (1 / place of its chunk).
        abstention: of "chunk_cosine", "sentence_cosine" (the best of each) and "words" (share in the best chunk).
        abstention_without_words: the same where question and documents differ in language, so share no words.
    """

    sentences: Logistic
    abstention: AbstentionModel
    abstention_without_words: AbstentionModel


# No embedder, an unknown one, or one that does not know the question's language. Across languages nothing is known:
# then what was found is shown.
WORDS_ALONE = Calibration(
    sentences=Logistic(bias=-6.60, weights={"words": 3.09, "type": 0.31, "rank": 5.52}),
    abstention=AbstentionModel(model=Logistic(bias=-4.19, weights={"words": 6.10}), threshold=0.331),
    abstention_without_words=AbstentionModel(model=Logistic(bias=0.0, weights={}), threshold=0.5),
)

CALIBRATIONS: Mapping[str, Calibration] = {
    "minilm-l6": Calibration(
        sentences=Logistic(bias=-6.78, weights={"cosine": 3.25, "words": 1.22, "type": 0.29, "rank": 4.71}),
        abstention=AbstentionModel(
            model=Logistic(bias=-10.29, weights={"chunk_cosine": 7.17, "sentence_cosine": 7.98, "words": 1.78}),
            threshold=0.300,
        ),
        abstention_without_words=AbstentionModel(
            model=Logistic(bias=-9.79, weights={"chunk_cosine": 7.96, "sentence_cosine": 8.19}), threshold=0.301
        ),
    ),
    "e5-small-multilingual": Calibration(
        sentences=Logistic(bias=-19.90, weights={"cosine": 18.08, "words": 0.94, "type": 0.26, "rank": 4.58}),
        abstention=AbstentionModel(
            model=Logistic(bias=-62.14, weights={"chunk_cosine": 39.44, "sentence_cosine": 31.32, "words": 1.62}),
            threshold=0.200,
        ),
        abstention_without_words=AbstentionModel(
            model=Logistic(bias=-66.54, weights={"chunk_cosine": 43.95, "sentence_cosine": 33.05}), threshold=0.268
        ),
    ),
}
ENGLISH_EMBEDDERS = frozenset({"minilm-l6"})


def calibration_for(embedder_name: str) -> Calibration | None:
    """What was learned for an embedder; None where nothing was."""
    return CALIBRATIONS.get(embedder_name)
