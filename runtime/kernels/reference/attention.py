"""Attention, with a KV cache and without.

One plain softmax over all visible positions. The contract's chunks of ATTENTION_CHUNK positions give the same values
up to rounding; they fix the order in which other backends round.
"""

import numpy as np
import torch

from runtime.kernels.ops import PageTable
from runtime.kernels.reference.kv_pool import ReferenceKVPool, read_kv


def paged_attention(
    q: torch.Tensor,
    pool: ReferenceKVPool,
    layer_idx: int,
    pages: PageTable,
    scale: float,
    window: int | None = None,
    softcap: float | None = None,
) -> torch.Tensor:
    """Causal attention of new tokens q [T, H, D] over everything stored for their sequences → [T, H, D]."""
    outputs = []
    for b, kv_len in enumerate(pages.kv_lens):
        start, end = pages.query_starts[b], pages.query_starts[b + 1]
        k, v = read_kv(pool, layer_idx, pages.page_ids[b], int(kv_len))
        query_positions = torch.arange(int(kv_len) - int(end - start), int(kv_len), device=q.device)
        visible = visible_positions(query_positions, int(kv_len), window)
        outputs.append(attend(q[start:end], k, v, visible, scale, softcap))
    return torch.cat(outputs) if outputs else q


def packed_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cu_seqlens: np.ndarray, scale: float, *, causal: bool
) -> torch.Tensor:
    """Attention within each packed sequence: q [T, H, D], k, v [T, K, D] → [T, H, D]."""
    outputs = []
    for start, end in zip(cu_seqlens[:-1].tolist(), cu_seqlens[1:].tolist(), strict=True):
        positions = torch.arange(end - start, device=q.device)
        visible = visible_positions(positions, end - start) if causal else None
        outputs.append(attend(q[start:end], k[start:end], v[start:end], visible, scale))
    return torch.cat(outputs) if outputs else q


def visible_positions(query_positions: torch.Tensor, kv_len: int, window: int | None = None) -> torch.Tensor:
    """[T, S] bool: a token at position p sees max(0, p − window + 1) … p."""
    distance = query_positions[:, None] - torch.arange(kv_len, device=query_positions.device)[None, :]
    visible = distance >= 0
    return visible if window is None else visible & (distance < window)


def attend(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    visible: torch.Tensor | None,
    scale: float,
    softcap: float | None = None,
) -> torch.Tensor:
    """softmax(q · k · scale) · v for one sequence: q [T, H, D], k, v [S, K, D], visible [T, S] → [T, H, D].

    Query head h reads kv head h // (H / K). Source: Vaswani et al., arXiv:1706.03762; shared heads arXiv:2305.13245.
    """
    group_size = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(group_size, dim=1)
    v = v.repeat_interleave(group_size, dim=1)
    scores = torch.einsum("thd,shd->hts", q, k) * scale
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if visible is not None:
        scores = scores.masked_fill(~visible, -torch.inf)
    return torch.einsum("hts,shd->thd", scores.softmax(-1), v)
