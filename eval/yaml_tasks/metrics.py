"""Measures of a task: what each sample gives, and the figure all samples make.

A measure has a value for every sample, whose mean it is; or adds up what every sample gives, as perplexity does; or
looks at all texts at once, as BLEU does. Figures are made of what a run's file holds, with no model.

Source: lm-evaluation-harness 0.4.13, `lm_eval/api/metrics.py`. token_f1, ROUGE and macro_f1 are ours; BLEU and TER take
the tokenizer of the references' language where none is named.
"""

import string
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from eval.harness.measure_sums import measure_of_sums
from eval.harness.notices import notice
from eval.harness.task import Answered, Measure, OutputType, Sample
from eval.metrics import Figure, best_of, bleu, bootstrap_figure, chrf, macro_f1, mean_figure, rouge, ter, token_f1
from eval.metrics.translation import TOKENIZERS, TextScore, choose_tokenizer
from eval.yaml_tasks.fields import Fields, nearest
from eval.yaml_tasks.metric_table import DEFAULTS, METRICS
from eval.yaml_tasks.patterns import check_pattern, remove_all

Clusters = Sequence[Hashable] | None


TEXT_METRICS = ("bleu", "chrf", "chrf++", "ter")
_LIKE: Mapping[str, str] = {
    "13a": "text",
    "zh": "文",
    "char": "かな",
}  # a text that is measured like those of a language


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric with its options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_mean(self) -> bool:
        return METRICS[self.name].aggregation == "mean"

    @property
    def needs_references(self) -> bool:
        """Whether an empty right answer makes no sense to it."""
        return self.name in TEXT_METRICS or self.name.startswith("rouge")

    def measure(self, name: str, wanted: Sequence[Sequence[str]]) -> Measure:
        """As the runner knows it.

        Args:
            name: may say which filters came before.
            wanted: the right texts of all rows, for a metric that `needs_references`.
        """
        return Measure(
            name=name,
            higher_is_better=METRICS[self.name].higher_is_better,
            is_mean=self.is_mean,
            signature=self._signature(wanted),
        )

    def _signature(self, wanted: Sequence[Sequence[str]]) -> str:
        """What must be equal for two figures to compare, as far as it is not in the name."""
        if self.needs_references:
            text = _LIKE[choose_tokenizer(wanted)]
            is_rouge = self.name.startswith("rouge")
            score = rouge([text], [text], **self.options) if is_rouge else self._score([text], [(text,)], None)
            sizes = {len(item) for item in wanted}
            return score.signature.replace("nrefs:1|", f"nrefs:{sizes.pop() if len(sizes) == 1 else 'var'}|")
        if self.name == "f1":
            return "of:choice-1"
        return "|".join(f"{key}:{value}" for key, value in sorted(self.options.items()))

    def of_text(self, answer: str, references: Sequence[str]) -> float:
        """The value of one answer, for a metric that is a mean; the best over the references."""
        if self.name == "exact_match":
            wanted = [self._reduced(reference) for reference in references]
            return float(self._reduced(answer) in wanted)
        if self.name == "token_f1":
            return best_of(token_f1, answer, references)
        return rouge([answer], [tuple(references)], **self.options)[self.name].f1_of_each[0]

    def figure(self, name: str, samples: Sequence[Sample], answers: Sequence[Answered], num: int) -> Figure | None:
        """Of all samples; None, with a warning, where no number is large enough to tell it.

        Args:
            name: under which the samples hold their values.
            num: which of the answers that were judged is meant, where several pipelines of filters made some.
        """
        clusters = _clusters(samples)
        if self.is_mean:
            return mean_figure([answer.values[name] for answer in answers], clusters=clusters)
        if self.name in TEXT_METRICS:
            texts = [str(answer.filtered_resps[num]) for answer in answers]
            return self._score(texts, [references(sample.target) for sample in samples], clusters).figure
        if self.name in ("f1", "macro_f1"):
            given = [likeliest([pair[0] for pair in answer.filtered_resps]) for answer in answers]
            wanted = [int(sample.target) for sample in samples]
            return (
                macro_f1(given, wanted, clusters=clusters) if self.name == "macro_f1" else _f1(given, wanted, clusters)
            )
        return self._of_sums(answers, clusters)

    def _reduced(self, text: str) -> str:
        for pattern in self.options.get("regexes_to_ignore", ()):
            text = remove_all(pattern, text)
        if self.options.get("ignore_case"):
            text = text.lower()
        if self.options.get("ignore_punctuation"):
            text = text.translate(str.maketrans("", "", string.punctuation))
        if self.options.get("ignore_numbers"):
            text = text.translate(str.maketrans("", "", string.digits))
        return text

    def _score(self, texts: Sequence[str], wanted: Sequence[Sequence[str]], clusters: Clusters) -> TextScore:
        if self.name == "bleu":
            return bleu(texts, wanted, clusters=clusters, **self.options)
        if self.name == "ter":
            return ter(texts, wanted, clusters=clusters, **self.options)
        return chrf(texts, wanted, word_order=2 if self.name == "chrf++" else 0, clusters=clusters, **self.options)

    def _of_sums(self, answers: Sequence[Answered], clusters: Clusters) -> Figure | None:
        values = [answer.values for answer in answers]
        sums = measure_of_sums(self.name, values[0])
        assert sums is not None, self.name
        rows = sums.rows(values)
        try:
            with np.errstate(over="raise"):
                return bootstrap_figure(rows, sums.measure, clusters=clusters)
        except FloatingPointError:
            largest = float(np.max(rows[:, 0] / rows[:, 1]))
            notice(
                f"{self.name} is left out: of one text it is e to the {largest:,.0f}, more than a number holds. Texts "
                "without blanks have no words to count by; bits_per_byte suits every script."
            )
            return None


def read_metrics(owner: Fields, output_type: OutputType) -> tuple[Metric, ...]:
    """The metrics of `metric_list`, or those usual for the kind of output. Raises EvaluationError for what is none."""
    if owner.get("metric_list") is None:
        return tuple(Metric(name=name) for name in DEFAULTS[output_type])
    listed = owner["metric_list"]
    if not isinstance(listed, list) or not listed:
        raise owner.error("metric_list", "must be a list of entries with 'metric'.")
    metrics = []
    for entry in listed:
        if not isinstance(entry, Fields) or not isinstance(entry.get("metric"), str):
            raise owner.error("metric_list", "must hold entries with 'metric', the name of one.")
        metrics.append(_read_metric(entry, output_type))
    names = [metric.name for metric in metrics]
    if len(set(names)) < len(names):
        raise owner.error("metric_list", f"names a metric twice: {', '.join(names)}.")
    return tuple(metrics)


def references(target: Any) -> tuple[str, ...]:
    """The right texts of a sample, one or several."""
    return tuple(map(str, target)) if isinstance(target, list | tuple) else (str(target),)


def likeliest(scores: Sequence[float]) -> int:
    """The place of the highest score, the first of equal ones."""
    return int(np.argmax(np.asarray(scores, np.float64)))


def _read_metric(entry: Fields, output_type: OutputType) -> Metric:
    name = entry["metric"]
    known = [metric for metric, about in METRICS.items() if output_type in about.outputs]
    if name not in known:
        raise entry.error("metric", f"is {name!r}, which {output_type} does not have; {nearest(name, known)}")
    about = METRICS[name]
    options = about.options if output_type == "generate_until" else ()
    entry.check_keys(("metric", "aggregation", "higher_is_better", *options))
    if entry.get("aggregation") not in (None, about.aggregation):
        raise entry.error("aggregation", f"is {entry['aggregation']!r}; {name} has {about.aggregation!r} alone.")
    if entry.get("higher_is_better") not in (None, about.higher_is_better):
        raise entry.error("higher_is_better", f"must be {str(about.higher_is_better).lower()} for {name}.")
    given = {key: entry[key] for key in options if entry.get(key) is not None}
    for key, value in given.items():
        _check_option(entry, key, value)
    return Metric(name=name, options=MappingProxyType(given))


def _check_option(entry: Fields, key: str, value: Any) -> None:
    if key == "regexes_to_ignore":
        if not isinstance(value, list):
            raise entry.error(key, "must be a list of regular expressions.")
        for pattern in value:
            check_pattern(entry, key, pattern)
    elif key == "tokenizer":
        names = TOKENIZERS if entry["metric"] == "bleu" else ("words-cjk", "rouge-score")
        if value not in names:
            raise entry.error(key, f"is {value!r}; choose one of {', '.join(names)}.")
    elif not isinstance(value, bool):
        raise entry.error(key, f"is {value!r}; write true or false.")


def _f1(given: Sequence[int], wanted: Sequence[int], clusters: Clusters) -> Figure:
    """F1 of the second choice, the positive one of two."""
    is_given, is_wanted = np.array(given) == 1, np.array(wanted) == 1
    rows = np.column_stack([2.0 * (is_given & is_wanted), is_given * 1.0 + is_wanted])

    def measure(sums: np.ndarray) -> np.ndarray:
        return np.asarray(np.divide(sums[:, 0], sums[:, 1], out=np.zeros(len(sums)), where=sums[:, 1] > 0))

    return bootstrap_figure(rows, measure, clusters=clusters)


def _clusters(samples: Sequence[Sample]) -> Clusters:
    """What samples share; None where none shares anything."""
    named = [sample.cluster for sample in samples]
    return None if None in named else named
