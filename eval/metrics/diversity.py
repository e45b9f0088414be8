"""How varied generated texts are, and how often they repeat themselves. Neither needs a reference.

Both count n-grams of `text_tokens`: words, and every CJK character.
"""

import math
from collections import Counter
from collections.abc import Sequence

from eval.metrics.bootstrap import CONFIDENCE
from eval.metrics.figures import Figure
from eval.metrics.means import mean_figure
from eval.metrics.references import checked_texts
from eval.metrics.tokens import text_tokens
from eval.metrics.wilson import Z_95

Ngram = tuple[str, ...]


def distinct_n(texts: Sequence[str], n: int = 2) -> Figure:
    """Distinct n-grams of all texts over all their n-grams, 0 to 1; 0 where no text has any.

    More text has a lower value, so compare sets of one size. The interval is the jackknife's: drawing texts anew, as
    the bootstrap does, would draw some twice and call that repetition.

    Raises:
        TypeError, ValueError: no texts, something else than text, or n below 1.

    Source: Li et al., arXiv:1510.03055 (distinct-n); Efron, Tibshirani, 1993, §11 (jackknife).
    """
    counts = [_ngrams(text, n) for text in checked_texts(texts, "text")]
    total: Counter[Ngram] = Counter()
    for count in counts:
        total.update(count)
    value = _share(len(total), total.total())
    if len(counts) < 2:
        return Figure(value=value, interval=None, n=1, method="no interval: 1 sample has no spread")
    without = [
        _share(len(total) - sum(total[ngram] == times for ngram, times in count.items()), total.total() - count.total())
        for count in counts
    ]
    centre = sum(without) / len(without)
    error = math.sqrt((len(without) - 1) / len(without) * sum((left - centre) ** 2 for left in without))
    return Figure(
        value=value,
        interval=(max(0.0, value - Z_95 * error), min(1.0, value + Z_95 * error)),
        n=len(counts),
        method="jackknife over samples",
        standard_error=error,
        confidence=CONFIDENCE,
    )


def repetition_rate(texts: Sequence[str], n: int = 4) -> Figure:
    """The share of a text's n-grams that stood in it before, as a mean over texts; 0 for one with fewer than n tokens.

    Raises:
        What `distinct_n` raises.

    Source: Welleck et al., arXiv:1908.04319, seq-rep-n.
    """
    counts = [_ngrams(text, n) for text in checked_texts(texts, "text")]
    return mean_figure([1 - len(count) / count.total() if count else 0.0 for count in counts])


def _ngrams(text: str, n: int) -> Counter[Ngram]:
    if n < 1:
        raise ValueError(f"n is {n}; an n-gram has 1 token at least.")
    tokens = text_tokens(text)
    return Counter(zip(*(tokens[start:] for start in range(n)), strict=False))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
