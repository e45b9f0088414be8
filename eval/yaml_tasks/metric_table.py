"""The metrics there are: for which kind of output, how they are summed up, and with which options.

Source: lm-evaluation-harness 0.4.13, `lm_eval/api/metrics.py`; token_f1, ROUGE and macro_f1 are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from eval.harness.task import OutputType


@dataclass(frozen=True, kw_only=True)
class MetricAbout:
    """What is known of a metric."""

    outputs: tuple[OutputType, ...]
    aggregation: str
    higher_is_better: bool = True
    options: tuple[str, ...] = ()


_RIGHT = MetricAbout(outputs=("multiple_choice",), aggregation="mean")
_ROUGE = MetricAbout(outputs=("generate_until",), aggregation="mean", options=("tokenizer", "stemmer"))
_PER_WORD = MetricAbout(outputs=("loglikelihood_rolling",), aggregation="weighted_perplexity", higher_is_better=False)
METRICS: Mapping[str, MetricAbout] = MappingProxyType(
    {
        "exact_match": MetricAbout(
            outputs=("generate_until", "multiple_choice"),
            aggregation="mean",
            options=("ignore_case", "ignore_punctuation", "ignore_numbers", "regexes_to_ignore"),
        ),
        "token_f1": MetricAbout(outputs=("generate_until",), aggregation="mean"),
        "rouge1": _ROUGE,
        "rouge2": _ROUGE,
        "rougeL": _ROUGE,
        "rougeLsum": _ROUGE,
        "bleu": MetricAbout(outputs=("generate_until",), aggregation="bleu", options=("tokenizer", "lowercase")),
        "chrf": MetricAbout(outputs=("generate_until",), aggregation="chrf", options=("lowercase",)),
        "chrf++": MetricAbout(outputs=("generate_until",), aggregation="chrf++", options=("lowercase",)),
        "ter": MetricAbout(
            outputs=("generate_until",), aggregation="ter", higher_is_better=False, options=("lowercase",)
        ),
        "acc": MetricAbout(outputs=("multiple_choice", "loglikelihood"), aggregation="mean"),
        "acc_norm": _RIGHT,
        "acc_bytes": _RIGHT,
        "f1": MetricAbout(outputs=("multiple_choice",), aggregation="f1"),
        "macro_f1": MetricAbout(outputs=("multiple_choice",), aggregation="macro_f1"),
        "perplexity": MetricAbout(outputs=("loglikelihood",), aggregation="perplexity", higher_is_better=False),
        "word_perplexity": _PER_WORD,
        "byte_perplexity": _PER_WORD,
        "bits_per_byte": MetricAbout(
            outputs=("loglikelihood_rolling",), aggregation="bits_per_byte", higher_is_better=False
        ),
    }
)
DEFAULTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "generate_until": ("exact_match",),
        "multiple_choice": ("acc", "acc_norm"),
        "loglikelihood": ("perplexity", "acc"),
        "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    }
)
