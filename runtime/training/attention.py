"""Causal attention within each of several sequences laid end to end."""

import itertools

import torch
import torch.nn.functional as F


def packed_causal_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    cu_seqlens: list[int],
    scale: float,
    window: int | None = None,
) -> torch.Tensor:
    """q [T, H, D], k, v [T, K, D] → [T, H, D]; no token sees another sequence.

    Sequences of one length, neighbours in the pack, run in one call. A token at position p of its sequence sees
    max(0, p − window + 1) … p. Query head h reads kv head h // (H / K).
    """
    outputs = []
    for start, count, length in _runs(cu_seqlens):
        rows = slice(start, start + count * length)
        outputs.append(_attend(q[rows], k[rows], v[rows], count, length, scale, window))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def _attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, count: int, length: int, scale: float, window: int | None
) -> torch.Tensor:
    """`count` sequences of `length` tokens each."""
    group_size = q.shape[1] // k.shape[1]
    heads = [x.view(count, length, *x.shape[1:]).transpose(1, 2) for x in (q, k, v)]  # [B, heads, L, D]
    query, key, value = heads[0], heads[1], heads[2]
    if group_size > 1:
        key, value = key.repeat_interleave(group_size, dim=1), value.repeat_interleave(group_size, dim=1)
    if window is None or window >= length:
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, scale=scale)
    else:
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=_visible(length, window), scale=scale)
    return mixed.transpose(1, 2).flatten(0, 1)


def _visible(length: int, window: int) -> torch.Tensor:
    distance = torch.arange(length)[:, None] - torch.arange(length)[None, :]
    return (distance >= 0) & (distance < window)


def _runs(cu_seqlens: list[int]) -> list[tuple[int, int, int]]:
    """(first row, sequences, their length) of neighbours that are equally long; empty sequences are left out."""
    runs: list[tuple[int, int, int]] = []
    for start, end in itertools.pairwise(cu_seqlens):
        length = end - start
        if runs and runs[-1][2] == length:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1, length)
        elif length:
            runs.append((start, 1, length))
    return runs
