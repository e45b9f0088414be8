"""Causal attention within each of several sequences laid end to end."""

import itertools
from typing import Any

import torch
import torch.nn.functional as F

PLAIN_GRADIENT_LEN = 1024  # tokens; up to it a sequence's scores [H, L, L] are small enough to be made at once


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
    heads = [x.view(count, length, *x.shape[1:]).transpose(1, 2) for x in (q, k, v)]  # [B, heads, L, D]
    windowed = window if window is not None and window < length else None
    if length <= PLAIN_GRADIENT_LEN:
        mixed: torch.Tensor = _ShortAttention.apply(*heads, scale, windowed)  # type: ignore[no-untyped-call]
    else:
        mixed = _fused_attention(heads[0], heads[1], heads[2], scale, windowed)
    return mixed.transpose(1, 2).flatten(0, 1)


def _fused_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, window: int | None
) -> torch.Tensor:
    """torch's own: q [B, H, L, D], k, v [B, K, L, D] → [B, H, L, D]."""
    group_size = q.shape[1] // k.shape[1]
    if group_size > 1:
        k, v = k.repeat_interleave(group_size, dim=1), v.repeat_interleave(group_size, dim=1)
    if window is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=_visible(q.shape[2], window), scale=scale)


class _ShortAttention(torch.autograd.Function):
    """torch's forward pass; the gradient by plain products over the scores [L, L] of all heads, made again.

    On processors torch's own gradient takes several times as long for sequences of this length.
    """

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, window: int | None
    ) -> torch.Tensor:
        ctx.save_for_backward(q, k, v)
        ctx.scale, ctx.window = scale, window
        return _fused_attention(q, k, v, scale, window)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        q, k, v = ctx.saved_tensors
        num_sequences, num_heads, length, head_dim = q.shape
        num_kv_heads = k.shape[1]
        # Query heads of one kv head lie one under the other, [B · K, (H / K) · L, D]: its sum over them is the product.
        grouped = (num_sequences * num_kv_heads, num_heads // num_kv_heads * length, head_dim)
        queries, dmixed = q.reshape(grouped), dy.reshape(grouped)
        keys, values = (x.reshape(grouped[0], length, head_dim) for x in (k, v))
        mask = torch.zeros((length, length), dtype=q.dtype)
        mask.masked_fill_(~_visible(length, ctx.window or length), -torch.inf)
        mask = mask.repeat(num_heads // num_kv_heads, 1)
        scores = torch.baddbmm(mask, queries, keys.transpose(1, 2), alpha=ctx.scale)
        probs = torch.softmax(scores, -1)
        dprobs = torch.bmm(dmixed, values.transpose(1, 2))
        dscores = torch.ops.aten._softmax_backward_data(dprobs, probs, -1, probs.dtype)
        dv = torch.bmm(probs.transpose(1, 2), dmixed)
        dq = torch.bmm(dscores, keys).mul_(ctx.scale)
        dk = torch.bmm(dscores.transpose(1, 2), queries).mul_(ctx.scale)
        return dq.view(q.shape), dk.view(k.shape), dv.view(v.shape), None, None


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
