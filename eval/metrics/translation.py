"""BLEU, chrF and TER of a set of translations, through sacrebleu, whose signature goes with every figure.

What differs between published figures is mostly the tokenizer. References that are mostly Chinese are measured with
sacrebleu's `zh`, where its usual `13a` would find four words in a whole sentence; Japanese is measured by character,
which needs no dictionary. The signature names what was chosen.

Source: Post, arXiv:1804.08771 (sacrebleu and its signatures); Papineni et al., ACL 2002 (BLEU); Popović, WMT 2015
(chrF); Snover et al., AMTA 2006 (TER).
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from eval.metrics.bootstrap import Measure, bootstrap_figure
from eval.metrics.figures import Figure
from eval.metrics.paired import Comparison, compare_rows
from eval.metrics.references import References, checked_pairs

if TYPE_CHECKING:
    from sacrebleu.metrics.base import Metric

BleuTokenizer = Literal["13a", "zh", "intl", "char", "none"]
TOKENIZERS: tuple[BleuTokenizer, ...] = ("13a", "zh", "intl", "char", "none")  # those that fetch and load nothing
MetricName = Literal["bleu", "chrf", "ter"]

_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, kw_only=True)
class TextScore:
    """A figure of a whole set, 0 to 100 (TER may exceed it), and the settings behind it."""

    name: str  # "BLEU", "chrF2", "TER"
    figure: Figure
    signature: str  # sacrebleu's own
    details: str  # of BLEU: its four precisions, brevity penalty and lengths

    def __str__(self) -> str:
        return f"{self.name}|{self.signature} = {self.figure}"


def bleu(
    predictions: Sequence[str],
    references: References,
    *,
    tokenizer: BleuTokenizer | None = None,
    lowercase: bool = False,
    effective_order: bool = False,
    clusters: Sequence[Hashable] | None = None,
) -> TextScore:
    """BLEU of the whole set; higher is better. Texts are plain, not tokenized.

    Args:
        references: one text for each prediction, or several for each.
        tokenizer: None chooses by the language of the references, so that all systems are measured alike.
        effective_order: leave out n-grams longer than the texts: for a single sentence, or sets of very short ones.
        clusters: of each prediction, what it shares with others, such as its document.

    Raises:
        ModuleNotFoundError: the extra `eval` is not installed.
        TypeError, ValueError: see `references.checked_pairs`.
    """
    texts, checked = checked_pairs(predictions, references)
    return _score(_bleu_metric(checked, tokenizer, lowercase, effective_order), texts, checked, clusters)


def chrf(
    predictions: Sequence[str],
    references: References,
    *,
    word_order: int = 0,
    lowercase: bool = False,
    clusters: Sequence[Hashable] | None = None,
) -> TextScore:
    """chrF2, the F-score of character n-grams up to 6; higher is better. It needs no tokenizer, in any language.

    Args:
        word_order: 2 counts pairs of words too, and makes it chrF++.

    Raises:
        What `bleu` raises.
    """
    texts, checked = checked_pairs(predictions, references)
    return _score(_chrf_metric(word_order, lowercase), texts, checked, clusters)


def ter(
    predictions: Sequence[str],
    references: References,
    *,
    lowercase: bool = True,
    clusters: Sequence[Hashable] | None = None,
) -> TextScore:
    """TER: edits that turn the predictions into references, per 100 words of these. Lower is better.

    Chinese and Japanese are edited by character; the signature says "asian".

    Raises:
        What `bleu` raises.
    """
    texts, checked = checked_pairs(predictions, references)
    return _score(_ter_metric(checked, lowercase), texts, checked, clusters)


def compare_translations(
    predictions_a: Sequence[str],
    predictions_b: Sequence[str],
    references: References,
    *,
    metric: MetricName = "bleu",
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> Comparison:
    """How far the first system lies above the second by a metric of the whole set, with interval and p-value.

    Raises:
        What `bleu` raises; ValueError for an unknown metric.
    """
    texts_a, checked = checked_pairs(predictions_a, references)
    texts_b, _ = checked_pairs(predictions_b, references)
    if metric == "bleu":
        scorer = _bleu_metric(checked, None, False, False)
    elif metric == "chrf":
        scorer = _chrf_metric(0, False)
    elif metric == "ter":
        scorer = _ter_metric(checked, True)
    else:
        raise ValueError(f"metric is {metric!r}; choose bleu, chrf or ter.")
    rows_a, rows_b = _statistics(scorer, texts_a, checked), _statistics(scorer, texts_b, checked)
    return compare_rows(rows_a, rows_b, _measure(scorer), clusters=clusters, seed=seed)


def choose_tokenizer(references: Sequence[Sequence[str]]) -> BleuTokenizer:
    """sacrebleu's tokenizer for the language of the references: `zh`, `char` for Japanese, else `13a`."""
    text = "".join(part for item in references for part in item)
    num_han, num_kana, num_letters = (len(pattern.findall(text)) for pattern in (_HAN, _KANA, _LETTER))
    if num_kana > num_letters / 10:
        return "char"
    return "zh" if num_han > num_letters / 2 else "13a"


def _bleu_metric(
    references: Sequence[Sequence[str]], tokenizer: BleuTokenizer | None, lowercase: bool, effective_order: bool
) -> "Metric":
    _require_sacrebleu()
    from sacrebleu.metrics.bleu import BLEU

    name = choose_tokenizer(references) if tokenizer is None else tokenizer
    if name not in TOKENIZERS:
        raise ValueError(f"tokenizer is {name!r}; choose one of {', '.join(TOKENIZERS)}.")
    return BLEU(tokenize=name, lowercase=lowercase, effective_order=effective_order)


def _chrf_metric(word_order: int, lowercase: bool) -> "Metric":
    _require_sacrebleu()
    from sacrebleu.metrics.chrf import CHRF

    return CHRF(word_order=word_order, lowercase=lowercase)


def _ter_metric(references: Sequence[Sequence[str]], lowercase: bool) -> "Metric":
    _require_sacrebleu()
    from sacrebleu.metrics.ter import TER

    by_character = choose_tokenizer(references) != "13a"
    # sacrebleu splits these scripts only where it normalises too
    return TER(asian_support=by_character, normalized=by_character, case_sensitive=not lowercase)


def _require_sacrebleu() -> None:
    try:
        import sacrebleu  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "BLEU, chrF and TER need the package sacrebleu: pip install 'appkit-llm[eval]'", name="sacrebleu"
        ) from error


def _score(
    metric: "Metric", texts: list[str], references: list[tuple[str, ...]], clusters: Sequence[Hashable] | None
) -> TextScore:
    score = metric.corpus_score(texts, _streams(references))
    figure = bootstrap_figure(_statistics(metric, texts, references), _measure(metric), clusters=clusters)
    return TextScore(
        name=score.name,
        figure=figure,
        signature=str(metric.get_signature()),
        details=getattr(score, "_verbose", ""),
    )


def _streams(references: list[tuple[str, ...]]) -> list[list[str]]:
    """sacrebleu's order: all first references, all second ones, None where a prediction has fewer."""
    num_streams = max(len(item) for item in references)
    streams = [[item[i] if i < len(item) else None for item in references] for i in range(num_streams)]
    return cast(list[list[str]], streams)  # its annotations forget the None that its documentation asks for


def _statistics(metric: "Metric", texts: list[str], references: list[tuple[str, ...]]) -> np.ndarray:
    """[n, k] what each text adds to the sums the metric is computed from, as sacrebleu's own significance tests do."""
    return np.array(metric._extract_corpus_statistics(texts, _streams(references)), np.float64)


def _measure(metric: "Metric") -> Measure:
    def scores(sums: np.ndarray) -> np.ndarray:
        return np.array([metric._compute_score_from_stats(row.tolist()).score for row in sums])

    return scores
