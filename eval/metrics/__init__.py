"""Measures of text, answers, rankings and language models, each with an interval that says how sure it is.

    from eval.metrics import bleu, perplexity, rouge

    print(bleu(predictions, references))
    print(rouge(predictions, references)["rougeL"].f1)
    print(perplexity(engine, text, recipe="strided"))

Names are imported when they are first used: the packages of the extra `eval` load only with the measures that need
them. docs/evaluation.md says what each figure means.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.metrics.bootstrap import Difference, bootstrap_figure, paired_difference
    from eval.metrics.choices import ChoiceAccuracy, choice_accuracy
    from eval.metrics.classification import accuracy, expected_calibration_error, macro_f1
    from eval.metrics.diversity import distinct_n, repetition_rate
    from eval.metrics.figures import Figure
    from eval.metrics.means import mean_figure
    from eval.metrics.paired import Comparison, compare_pairs
    from eval.metrics.perplexity_of_text import Perplexity, perplexity
    from eval.metrics.ranking import average_precision, ndcg_at, precision_at, recall_at, reciprocal_rank
    from eval.metrics.rouge_scores import Rouge, RougeScore, rouge
    from eval.metrics.token_overlap import best_of, exact_match, token_f1
    from eval.metrics.translation import TextScore, bleu, chrf, compare_translations, ter
    from eval.metrics.wilson import wilson_interval

__all__ = [
    "ChoiceAccuracy",
    "Comparison",
    "Difference",
    "Figure",
    "Perplexity",
    "Rouge",
    "RougeScore",
    "TextScore",
    "accuracy",
    "average_precision",
    "best_of",
    "bleu",
    "bootstrap_figure",
    "choice_accuracy",
    "chrf",
    "compare_pairs",
    "compare_translations",
    "distinct_n",
    "exact_match",
    "expected_calibration_error",
    "macro_f1",
    "mean_figure",
    "ndcg_at",
    "paired_difference",
    "perplexity",
    "precision_at",
    "recall_at",
    "reciprocal_rank",
    "repetition_rate",
    "rouge",
    "ter",
    "token_f1",
    "wilson_interval",
]

# No module is called like a public name: importing it would put the module where the name belongs.
_NAMES_BY_MODULE = {
    "bootstrap": "Difference bootstrap_figure paired_difference",
    "choices": "ChoiceAccuracy choice_accuracy",
    "classification": "accuracy expected_calibration_error macro_f1",
    "diversity": "distinct_n repetition_rate",
    "figures": "Figure",
    "means": "mean_figure",
    "paired": "Comparison compare_pairs",
    "perplexity_of_text": "Perplexity perplexity",
    "ranking": "average_precision ndcg_at precision_at recall_at reciprocal_rank",
    "rouge_scores": "Rouge RougeScore rouge",
    "token_overlap": "best_of exact_match token_f1",
    "translation": "TextScore bleu chrf compare_translations ter",
    "wilson": "wilson_interval",
}
_MODULE_OF = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'eval.metrics' has no attribute {name!r}")
    value = getattr(import_module(f"eval.metrics.{_MODULE_OF[name]}"), name)
    globals()[name] = value  # later uses do not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
