"""From the losses of windows to perplexity and bits per byte, with intervals from drawing windows anew."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.metrics.bootstrap import bootstrap_figure
from eval.metrics.figures import Figure


@dataclass(frozen=True, kw_only=True)
class WindowSums:
    """What one window adds to the figures."""

    document: int  # of which text it is
    loss: float  # nats: minus the log-probability of its scored tokens together
    num_tokens: int  # scored
    num_bytes: int  # UTF-8 of these
    weight: int  # tokens it counts for in the mean


def perplexity_figures(sums: Sequence[WindowSums]) -> tuple[Figure, Figure]:
    """Perplexity and bits per byte, both from the losses of windows; drawn by document where there are several.

    Raises:
        ValueError: no windows, or one whose tokens have no bytes.
    """
    documents = np.array([part.document for part in sums])
    has_several = len(set(documents)) > 1
    losses = np.array([part.loss for part in sums])
    weights = np.array([part.weight for part in sums])
    num_bytes = np.array([part.num_bytes for part in sums])
    if not num_bytes.all():
        raise ValueError("The tokens of a window add no bytes to a text: there is nothing to divide by.")
    counts = weights > 0  # a window that counts for nothing must not be all that is drawn
    weighed = losses / [part.num_tokens for part in sums] * weights
    per_token = bootstrap_figure(
        np.column_stack([weighed, weights])[counts],
        lambda sums: np.exp(sums[:, 0] / sums[:, 1]),
        clusters=documents[counts].tolist() if has_several else None,
        unit="windows",
    )
    per_byte = bootstrap_figure(
        np.column_stack([losses, num_bytes]),
        lambda sums: sums[:, 0] / sums[:, 1] / math.log(2),
        clusters=documents.tolist() if has_several else None,
        unit="windows",
    )
    return per_token, per_byte


def perplexity_per_word(per_byte: Figure, num_bytes: int, texts: Sequence[str]) -> Figure:
    """The same losses, divided by the words as lm-eval counts them: an empty one after a last line break is one."""
    bytes_a_word = num_bytes / sum(len(re.split(r"\s+", text)) for text in texts)

    def convert(bits: float) -> float:
        return math.exp(bits * math.log(2) * bytes_a_word)

    value = convert(per_byte.value)
    error = per_byte.standard_error
    return Figure(
        value=value,
        interval=per_byte.interval and (convert(per_byte.interval[0]), convert(per_byte.interval[1])),
        n=per_byte.n,
        method=f"from bits per byte: {per_byte.method}",
        standard_error=None if error is None else value * math.log(2) * bytes_a_word * error,
        confidence=per_byte.confidence,
    )


def token_error(logprobs: np.ndarray, perplexity: float) -> float:
    """The perplexity times the standard error of the mean of `logprobs` [n], were they independent; 0 for one token."""
    if len(logprobs) < 2:
        return 0.0
    return float(perplexity * logprobs.std() / math.sqrt(len(logprobs) - 1))
