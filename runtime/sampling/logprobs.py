"""Log-probabilities a caller asked for, of what the model itself said."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TokenLogprobs:
    """Log-probabilities at one position, of the distribution before penalties, temperature and filters."""

    chosen: float
    top: tuple[tuple[int, float], ...]  # (token id, logprob), likeliest first; equal ones by id


def token_logprobs(logits: np.ndarray, token_id: int, num_top: int) -> TokenLogprobs:
    """Log-probability of `token_id` and of the `num_top` likeliest tokens.

    Args:
        logits: [V] float32, finite, unnormalised.
    """
    num_top = min(num_top, len(logits))
    highest = logits.max()
    # float64 for the sum alone: over 150,000 terms float32 would lose the fifth digit
    log_total = float(highest) + float(np.log(np.exp(logits - highest).sum(dtype=np.float64)))
    if num_top == 0:
        top_ids = np.empty(0, np.int64)
    else:
        floor = np.partition(logits, -num_top)[-num_top]
        candidates = np.flatnonzero(logits >= floor)
        top_ids = candidates[np.argsort(-logits[candidates], kind="stable")][:num_top]
    return TokenLogprobs(
        chosen=float(logits[token_id]) - log_total,
        top=tuple((int(i), float(logits[i]) - log_total) for i in top_ids),
    )
