"""Reads and applies the packed token masks described in `runtime/grammar/base.py`."""

import numpy as np


def allowed_token_ids(mask: np.ndarray, vocab_size: int) -> np.ndarray:
    """Ids whose bit is set, ascending, int64.

    A mask may be shorter than the logits: models pad their vocabulary, and what lies beyond the mask is blocked.

    Args:
        mask: [at most ceil(V / 32)] uint32.

    Raises:
        TypeError: another dtype.
        ValueError: more words than `vocab_size` needs.
    """
    return np.flatnonzero(_bits(mask, vocab_size))


def apply_mask(logits: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Logits [V] with blocked tokens at -inf; a new array. Raises as `allowed_token_ids`."""
    kept = np.full_like(logits, -np.inf)
    ids = allowed_token_ids(mask, len(logits))
    kept[ids] = logits[ids]
    return kept


def _bits(mask: np.ndarray, vocab_size: int) -> np.ndarray:
    if mask.dtype != np.uint32:
        raise TypeError(f"A token mask is an array of uint32 words, got {mask.dtype}.")
    num_words = -(-vocab_size // 32)
    if mask.ndim != 1 or len(mask) > num_words:
        raise ValueError(
            f"A mask for {vocab_size} tokens has at most {num_words} words, got shape {mask.shape}; "
            f"it was made for another vocabulary."
        )
    # little-endian words hold little-endian bytes, so the bytes can be unpacked in order
    return np.unpackbits(np.ascontiguousarray(mask, "<u4").view(np.uint8), bitorder="little")[:vocab_size].view(bool)
