"""Filters that narrow a next-token distribution before one token is drawn.

Each takes logits [B, V] and returns logits of the same shape, ruled-out tokens at -inf; B = 1 for one sequence. They
compose in any order; `sampler.py` fixes the order we use and explains it. A filter never empties a row: the likeliest
token always stays. A row is expected to hold at least one finite value.
"""

import math

import numpy as np


def scale_temperature(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Logits divided by `temperature` > 0: below 1 sharpens, above 1 flattens. A new array.

    What leaves the range of float32 becomes infinite; the sampler sees to it that this happens to low logits alone.
    """
    with np.errstate(over="ignore"):
        return logits / max(np.float32(temperature), np.finfo(np.float32).tiny)


def keep_top_k(logits: np.ndarray, k: int) -> np.ndarray:
    """Keep the `k` likeliest tokens, and any as likely as the last of them.

    Args:
        logits: [B, V] float32, unnormalised.
        k: how many; 0, or as many as there are, keeps all.

    Returns:
        [B, V], a new array: kept values unchanged, the rest -inf.
    """
    if k == 0 or k >= logits.shape[-1]:
        return logits.copy()
    floor = np.partition(logits, -k, axis=-1)[..., -k, None]
    return _cut(logits, logits < floor)


def keep_top_p(logits: np.ndarray, p: float) -> np.ndarray:
    """Keep the fewest tokens whose probabilities together reach `p`.

    Of tokens equally likely at the edge, those with the smaller ids stay.

    Args:
        logits: [B, V] float32, unnormalised.
        p: probability mass to keep, 0 < p <= 1; 1 keeps all. Checked by `SamplingParams`.

    Returns:
        [B, V], a new array: kept values unchanged, the rest -inf.

    Source: Holtzman et al., nucleus sampling, arXiv:1904.09751.
    """
    if p == 1:
        return logits.copy()  # in float32 the running sum reaches 1 early and would cut the tail
    kept = np.full_like(logits, -np.inf)
    for row, kept_row in zip(logits, kept, strict=True):
        ids = _nucleus(row, p)
        kept_row[ids] = row[ids]
    return kept


def keep_min_p(logits: np.ndarray, min_p: float) -> np.ndarray:
    """Keep the tokens at least `min_p` times as probable as the likeliest.

    Args:
        logits: [B, V] float32, unnormalised.
        min_p: 0 ≤ min_p ≤ 1; 0 keeps all, 1 only the likeliest and its equals.

    Returns:
        [B, V], a new array: kept values unchanged, the rest -inf.

    Source: Nguyen et al., arXiv:2407.01082.
    """
    if min_p == 0:
        return logits.copy()
    return _cut(logits, logits < logits.max(axis=-1, keepdims=True) + np.float32(math.log(min_p)))


def keep_typical(logits: np.ndarray, p: float) -> np.ndarray:
    """Keep the tokens whose surprise is nearest to the expected one, until their probabilities together reach `p`.

    Unlike the other filters it may rule out the likeliest token.

    Args:
        logits: [B, V] float32, unnormalised.
        p: probability mass to keep, 0 < p <= 1; 1 keeps all. Checked by `SamplingParams`.

    Returns:
        [B, V], a new array: kept values unchanged, the rest -inf.

    Source: Meister et al., locally typical sampling, arXiv:2202.00666.
    """
    if p == 1:
        return logits.copy()
    probs = softmax(logits)
    with np.errstate(divide="ignore"):
        surprise = -np.log(probs)
    distance = np.abs(surprise - entropy(probs)[:, None])
    kept = np.full_like(logits, -np.inf)
    for row, kept_row, mass, far in zip(logits, kept, probs, distance, strict=True):
        order = np.argsort(far, kind="stable")
        before = mass[order].cumsum() - mass[order]  # ahead of each token, 0 for the first
        ids = order[before < p]
        kept_row[ids] = row[ids]
    return kept


def entropy(probs: np.ndarray) -> np.ndarray:
    """[B] nats of probabilities [B, V]."""
    logs = np.log(probs, out=np.zeros_like(probs), where=probs > 0)
    return np.asarray(-(probs * logs).sum(axis=-1))


def temperature_by_entropy(logits: np.ndarray, temperature: float, theta: float) -> float:
    """temperature · 0.8^(theta / H) for the entropy H of logits [V]: near 0 where the model is sure of a token.

    Source: Zhang et al., entropy-based dynamic temperature, arXiv:2403.14541, equation 3, with N = 0.8.
    """
    nats = float(entropy(softmax(logits[None]))[0])
    return temperature * 0.8 ** (theta / nats) if nats > 0 else 0.0


def softmax(logits: np.ndarray) -> np.ndarray:
    """[B, V] probabilities in float64, so that sums over a large vocabulary keep their digits."""
    # exponents in float32 cost a tenth, and their error (1e-7) is that of the logits themselves
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True)).astype(np.float64)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _nucleus(row: np.ndarray, p: float) -> np.ndarray:
    """Ids that `keep_top_p` keeps of a row [V], ascending, without sorting the tail.

    Tokens more than ln(V / (1 − p)) below the highest have together at most V · (1 − p) / V of its mass, so all others
    hold at least p of the whole and the nucleus lies among them.
    """
    highest = row.max()
    total_mass = np.exp(row - highest).sum(dtype=np.float64)
    gap = math.log(len(row) / (1 - p)) + 1  # one more for rounding: too wide only costs time
    candidates = np.flatnonzero(row >= highest - np.float32(gap))
    values = row[candidates]
    ranked = np.sort(values)[::-1]  # of values: sorting ids by value costs five times as much
    mass = np.exp(ranked - highest).astype(np.float64)
    likelier_mass = mass.cumsum() - mass  # ahead of each token, 0 for the first
    num_kept = np.count_nonzero(likelier_mass < p * total_mass)
    floor = ranked[num_kept - 1]
    keep = values > floor
    at_floor = np.flatnonzero(values == floor)
    keep[at_floor[: num_kept - np.count_nonzero(keep)]] = True
    return np.asarray(candidates[keep])


def _cut(logits: np.ndarray, ruled_out: np.ndarray) -> np.ndarray:
    kept = logits.copy()
    kept[ruled_out] = -np.inf
    return kept
