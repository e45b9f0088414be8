"""From projected rows to mixed ones: heads split, turned by their positions and attended, with one gradient for all.

It keeps its input alone, [T, (H + 2K) · D]; the heads are laid out again for the gradient.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from runtime.training import kernels

PLAIN_GRADIENT_LEN = 1024  # tokens; up to it a sequence's scores [H, L, L] are small enough to be made at once


@dataclass(frozen=True, eq=False)
class AttentionShape:
    """What attention needs to know of a layer and of the sequences in a row."""

    num_heads: int
    num_kv_heads: int
    head_dim: int
    scale: float
    window: int | None  # a token at position p sees max(0, p − window + 1) … p
    cu_seqlens: torch.Tensor  # [sequences + 1] int32
    angles: kernels.Angles | None  # by which queries and keys turn

    @property
    def heads(self) -> tuple[range, range, range]:
        """Of queries, keys and values, among those of a projected row."""
        ends = self.num_heads, self.num_heads + self.num_kv_heads, self.num_heads + 2 * self.num_kv_heads
        return range(ends[0]), range(ends[0], ends[1]), range(ends[1], ends[2])


def self_attention(projected: torch.Tensor, shape: AttentionShape) -> torch.Tensor:
    """projected [T, (H + 2K) · D] → [T, H · D]; causal, and no token sees another sequence.

    Query head h reads kv head h // (H / K). Source of the rotation: Su et al., arXiv:2104.09864.
    """
    mixed: torch.Tensor = _SelfAttention.apply(projected, shape)  # type: ignore[no-untyped-call]
    return mixed


def keys_and_values_of(projected: torch.Tensor, shape: AttentionShape) -> tuple[torch.Tensor, torch.Tensor]:
    """k, turned, and v [T, K, D] of the one sequence that `projected` holds."""
    assert len(shape.cu_seqlens) == 2, shape.cu_seqlens
    _, k, v = _grouped(projected, shape, repeats=1)
    k, v = (x.view(shape.num_kv_heads, len(projected), shape.head_dim).transpose(0, 1) for x in (k, v))
    return k, v


class _SelfAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, projected: torch.Tensor, shape: AttentionShape) -> torch.Tensor:
        ctx.save_for_backward(projected)
        ctx.shape = shape
        q, k, v = _grouped(projected, shape, repeats=shape.num_heads // shape.num_kv_heads)
        mixed = []
        for start, count, length in _runs(shape.cu_seqlens.tolist()):
            rows = slice(start, start + count * length)
            sizes = count, shape.num_heads, length
            queries, keys, values = (_of_rows(x, rows, shape.head_dim, sizes) for x in (q, k, v))
            attended = _fused_attention(queries, keys, values, shape.scale, _window(shape, length))
            mixed.append(attended.transpose(1, 2).flatten(0, 1))
        return (mixed[0] if len(mixed) == 1 else torch.cat(mixed)).flatten(1)

    @staticmethod
    def backward(ctx: Any, dmixed: torch.Tensor) -> tuple[torch.Tensor, None]:
        (projected,) = ctx.saved_tensors
        shape: AttentionShape = ctx.shape
        q, k, v = _grouped(projected, shape, repeats=1)
        dy = kernels.group_heads(dmixed, range(shape.num_heads), shape.head_dim, shape.cu_seqlens)
        dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
        for start, count, length in _runs(shape.cu_seqlens.tolist()):
            rows = slice(start, start + count * length)
            # Query heads of one kv head lie one under the other, [B · K, (H / K) · L, D]: its sum is the product.
            groups = count * shape.num_kv_heads
            tall = (groups, shape.num_heads // shape.num_kv_heads, length)
            gradient = _short_gradient_ if length <= PLAIN_GRADIENT_LEN else _long_gradient_
            gradient(
                [_of_rows(x, rows, shape.head_dim, tall) for x in (q, dy, dq)],
                [_of_rows(x, rows, shape.head_dim, (groups, 1, length)) for x in (k, v, dk, dv)],
                shape.scale,
                _window(shape, length),
            )
        dprojected = torch.empty_like(projected)
        for heads, gradient_of, angles in zip(
            shape.heads, (dq, dk, dv), (shape.angles, shape.angles, None), strict=True
        ):
            kernels.ungroup_heads_(dprojected, heads, shape.head_dim, shape.cu_seqlens, gradient_of, angles)
        return dprojected, None


def _grouped(projected: torch.Tensor, shape: AttentionShape, repeats: int) -> tuple[torch.Tensor, ...]:
    """Queries, keys and values laid out sequence by sequence; kv heads so many times each."""
    kinds = zip(shape.heads, (1, repeats, repeats), (shape.angles, shape.angles, None), strict=True)
    return tuple(
        kernels.group_heads(projected, heads, shape.head_dim, shape.cu_seqlens, angles, times)
        for heads, times, angles in kinds
    )


def _of_rows(grouped: torch.Tensor, rows: slice, head_dim: int, sizes: tuple[int, int, int]) -> torch.Tensor:
    """The part of `grouped` that belongs to sequences of one length at `rows`, as [*sizes, D]."""
    values_a_row = sizes[0] * sizes[1] * sizes[2] // (rows.stop - rows.start) * head_dim
    return grouped[rows.start * values_a_row : rows.stop * values_a_row].view(*sizes, head_dim)


def _window(shape: AttentionShape, length: int) -> int | None:
    return shape.window if shape.window is not None and shape.window < length else None


def _short_gradient_(
    of_queries: list[torch.Tensor], of_keys: list[torch.Tensor], scale: float, window: int | None
) -> None:
    """Writes dq, dk and dv by plain products over all scores, made again.

    On processors torch's own gradient takes several times as long for sequences of this length.

    Args:
        of_queries: q, dmixed and dq [B, G, L, D].
        of_keys: k, v, dk and dv [B, 1, L, D].
    """
    q, dmixed, dq = (x.flatten(1, 2) for x in of_queries)
    k, v, dk, dv = (x.squeeze(1) for x in of_keys)
    scores = torch.bmm(q, k.transpose(1, 2))
    dscores = torch.bmm(dmixed, v.transpose(1, 2))
    kernels.attention_gradient_(scores, dscores, window or k.shape[1], scale)
    torch.bmm(scores.transpose(1, 2), dmixed, out=dv)
    torch.bmm(dscores, k, out=dq)
    torch.bmm(dscores.transpose(1, 2), q, out=dk)


def _long_gradient_(
    of_queries: list[torch.Tensor], of_keys: list[torch.Tensor], scale: float, window: int | None
) -> None:
    """The same by torch's gradient of its own attention, which never holds all scores."""
    q, dmixed, dq = of_queries
    k, v, dk, dv = of_keys
    with torch.enable_grad():
        q, k, v = (x.detach().requires_grad_() for x in (q, k, v))
        gradients = torch.autograd.grad(_fused_attention(q, k, v, scale, window), (q, k, v), dmixed)
    for out, gradient in zip((dq, dk, dv), gradients, strict=True):
        out.copy_(gradient)


def _fused_attention(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, window: int | None
) -> torch.Tensor:
    """torch's own: q [B, H, L, D], k and v the same or [B, 1, L, D] → [B, H, L, D]."""
    k, v = k.expand(q.shape), v.expand(q.shape)
    if window is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=_visible(q.shape[2], window), scale=scale)


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
