"""Learns the numbers of `appkit/rag/calibration.py` from the questions of CLAPNQ that are not held out.

python -m eval.tasks.clapnq_calibration [--embedder minilm-l6]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from appkit.errors import EvaluationDataError
from appkit.rag import Index
from appkit.rag.answering import judge
from appkit.rag.evidence import Evidence
from eval.harness.data import data_path
from eval.tasks.clapnq import EMBEDDER, indexed
from eval.tasks.clapnq_data import Clapnq, Question, load_clapnq, squeeze

SENTENCE_FEATURES = ("cosine", "words", "type", "chunk_cosine", "rank")
SENTENCE_FEATURES_WITHOUT_EMBEDDER = ("words", "type", "rank")
ABSTENTION_FEATURES = ("chunk_cosine", "sentence_cosine", "words")
_L2 = 1.0  # on standardised features: a hundred questions determine a handful of weights only loosely
_NEWTON_STEPS = 50
# Every passage here is from another article, so the first hit is nearly always the one. In a folder of related papers
# it is not: with this much of the learned weight more of `eval/data/demo_questions.jsonl` find their sentence.
_RANK_WEIGHT_KEPT = 0.4


def calibrate(index: Index, clapnq: Clapnq) -> dict[str, Any]:
    """Logistic weights for sentences and for abstention, with and without the embedder or the words."""
    answerable = [q for q in clapnq.answerable if not q.is_held_out]
    near = [q for q in clapnq.unanswerable if not q.is_held_out]
    found = [_evidence(index, question) for question in answerable]
    missing = [_evidence(index, question) for question in near]
    missing += [_evidence(index, question, without_article=True) for question in answerable]
    return {
        "sentences": {
            "with embedder": _fit_sentences(found, answerable, SENTENCE_FEATURES),
            "words alone": _fit_sentences(found, answerable, SENTENCE_FEATURES_WITHOUT_EMBEDDER),
        },
        "abstention": {
            "with embedder": _fit_abstention(found, missing, ABSTENTION_FEATURES),
            "without words": _fit_abstention(found, missing, ABSTENTION_FEATURES[:2]),
            "words alone": _fit_abstention(found, missing, ABSTENTION_FEATURES[2:]),
        },
    }


def fit_logistic(features: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights [F] and bias of a logistic regression, by Newton's method.

    Args:
        features: [N, F].
        labels: [N], 0 or 1.
    """
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    x = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    penalty = np.diag([0.0] + [_L2] * features.shape[1])
    beta = np.zeros(x.shape[1])
    for _ in range(_NEWTON_STEPS):
        probs = 1 / (1 + np.exp(-x @ beta))
        hessian = (x.T * (probs * (1 - probs))) @ x + penalty
        beta += np.linalg.solve(hessian + 1e-9 * np.eye(len(beta)), x.T @ (labels - probs) - penalty @ beta)
    weights = beta[1:] / spread
    return weights, float(beta[0] - weights @ mean)


def best_threshold(positive: np.ndarray, negative: np.ndarray) -> float:
    """The probability from which on the mean of both rates (kept positives, refused negatives) is highest."""
    candidates = np.sort(np.concatenate([positive, negative]))
    return float(max(candidates, key=lambda t: (positive >= t).mean() + (negative < t).mean()))


def _evidence(index: Index, question: Question, *, without_article: bool = False) -> Evidence:
    others = " and ".join(f"source != {json.dumps(file)}" for file in question.same_title) if without_article else None
    return judge(question.text, index.search(question.text, filter=others), embedder=index.embedder).evidence


def _fit_sentences(found: Sequence[Evidence], questions: Sequence[Question], names: Sequence[str]) -> dict[str, Any]:
    rows, labels = [], []
    for evidence, question in zip(found, questions, strict=True):
        for scored in evidence.sentences:
            rows.append([scored.values[name] for name in names])
            is_gold = scored.sentence.hit.chunk.source == question.file
            labels.append(is_gold and any(_overlaps(scored.sentence.text, gold) for gold in question.sentences))
    weights, bias = fit_logistic(np.array(rows, float), np.array(labels, float))
    weights[names.index("rank")] *= _RANK_WEIGHT_KEPT
    return {"bias": round(bias, 2), "weights": _named(names, weights)}


def _fit_abstention(found: Sequence[Evidence], missing: Sequence[Evidence], names: Sequence[str]) -> dict[str, Any]:
    features = np.array([[getattr(evidence, name) for name in names] for evidence in [*found, *missing]], float)
    labels = np.array([1.0] * len(found) + [0.0] * len(missing))
    weights, bias = fit_logistic(features, labels)
    probs = 1 / (1 + np.exp(-(features @ weights + bias)))
    threshold = best_threshold(probs[: len(found)], probs[len(found) :])
    return {"bias": round(bias, 2), "weights": _named(names, weights), "threshold": round(threshold, 3)}


def _named(names: Sequence[str], weights: np.ndarray) -> dict[str, float]:
    return {name: round(float(weight), 2) for name, weight in zip(names, weights, strict=True)}


def _overlaps(sentence: str, gold: str) -> bool:
    squeezed = squeeze(sentence)
    return gold in squeezed or squeezed in gold


def main() -> int:
    """Print the numbers as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m eval.tasks.clapnq_calibration", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--embedder", default=EMBEDDER)
    options = parser.parse_args()
    try:
        clapnq = load_clapnq(data_path("clapnq"))
    except EvaluationDataError as error:
        parser.exit(1, f"{error}\n")
    with indexed(clapnq, options.embedder) as index:
        sys.stdout.write(json.dumps(calibrate(index, clapnq), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
