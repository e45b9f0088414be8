"""Numbers learned from data: how sentences are ranked, and when the documents hold no answer.

Both are logistic models with a weight for each thing that can be seen. Cosines mean different things in different
embedders, so each embedder has its own; where the embedder is unknown, or does not know the language of the question,
words alone decide. Learned by `python -m eval.tasks.clapnq_calibration` on every other question of CLAPNQ's answerable
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
    """How likely the documents answer, and from where on we say that they do.

    `chinese_threshold` is that of Chinese questions where it differs: e5 finds short Chinese texts closer to each
    other than English ones, by 0.02 to 0.03. Set on the Chinese questions of `eval/data/demo_questions.jsonl`.
    """

    model: Logistic
    threshold: float
    chinese_threshold: float | None = None


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was learned for one embedder.

    Attributes:
        sentences: of "cosine" (question and sentence), "words" (share of the question's words in the sentence), "type"
            (`answer_type_hint`), "chunk_cosine" (question and its chunk) and "rank" (1 / place of its chunk).
        abstention: of "chunk_cosine", "sentence_cosine" (the best of each) and "words" (share in the best chunk).
        abstention_without_words: the same where question and documents differ in language, so share no words.
    """

    sentences: Logistic
    abstention: AbstentionModel
    abstention_without_words: AbstentionModel


# No embedder, an unknown one, or one that does not know the question's language. Across languages nothing is known:
# then what was found is shown.
WORDS_ALONE = Calibration(
    sentences=Logistic(bias=-6.58, weights={"words": 3.04, "type": 0.29, "rank": 2.20}),
    abstention=AbstentionModel(model=Logistic(bias=-4.19, weights={"words": 6.10}), threshold=0.331),
    abstention_without_words=AbstentionModel(model=Logistic(bias=0.0, weights={}), threshold=0.5),
)

CALIBRATIONS: Mapping[str, Calibration] = {
    "minilm-l6": Calibration(
        sentences=Logistic(
            bias=-7.25, weights={"cosine": 2.25, "words": 1.38, "type": 0.30, "chunk_cosine": 3.44, "rank": 1.30}
        ),
        abstention=AbstentionModel(
            model=Logistic(bias=-10.28, weights={"chunk_cosine": 7.27, "sentence_cosine": 7.80, "words": 1.82}),
            threshold=0.295,
        ),
        abstention_without_words=AbstentionModel(
            model=Logistic(bias=-9.78, weights={"chunk_cosine": 8.10, "sentence_cosine": 8.02}), threshold=0.341
        ),
    ),
    "e5-small-multilingual": Calibration(
        sentences=Logistic(
            bias=-25.47, weights={"cosine": 15.08, "words": 1.16, "type": 0.24, "chunk_cosine": 9.87, "rank": 1.53}
        ),
        abstention=AbstentionModel(
            model=Logistic(bias=-62.19, weights={"chunk_cosine": 40.20, "sentence_cosine": 30.59, "words": 1.65}),
            threshold=0.247,
            chinese_threshold=0.5,
        ),
        # Across languages cosines come out lower by about 0.05: the learned bias of -66.68 is raised by 3. Of the demo
        # questions with an answer this keeps 2 of 3, and refuses 13 of the 14 without.
        abstention_without_words=AbstentionModel(
            model=Logistic(bias=-63.68, weights={"chunk_cosine": 44.83, "sentence_cosine": 32.31}), threshold=0.3
        ),
    ),
}
ENGLISH_EMBEDDERS = frozenset({"minilm-l6"})


def calibration_for(embedder_name: str) -> Calibration | None:
    """What was learned for an embedder; None where nothing was."""
    return CALIBRATIONS.get(embedder_name)
