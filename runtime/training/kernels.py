"""The C++ row kernels over torch tensors: shapes and dtypes are checked here, results are made here.

Each stands for a few of torch's operations that would read and write their tensors several times. All arithmetic is
float32, rounded once; a row has the same bits on any number of threads. Tensors are on the processor, C-contiguous or
made so, and float32 or bfloat16.
"""

import functools

import torch

from runtime.config import Activation
from runtime.kernels.cpu import _cpu

_ACTIVATIONS: dict[Activation, _cpu.Activation] = {
    "silu": _cpu.Activation.silu,
    "gelu": _cpu.Activation.gelu,
    "gelu_tanh": _cpu.Activation.gelu_tanh,
}
Angles = tuple[torch.Tensor, torch.Tensor]  # cosine and sine, each [T, dim / 2] float32


def norm(
    x: torch.Tensor, delta: torch.Tensor | None, weight: torch.Tensor, eps: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """RMSNorm of x + delta along the last axis: the sum (x itself without delta), the norm, 1 / rms of each row."""
    x = _plain(x)
    total = x if delta is None else torch.empty_like(x)
    y, inverse_rms = torch.empty_like(x), torch.empty(x.shape[:-1], dtype=torch.float32)
    assert weight.shape == x.shape[-1:] and weight.dtype == torch.float32, (x.shape, weight.shape, weight.dtype)
    delta = None if delta is None else _like(delta, x)
    _cpu.train_norm(_team(), x, delta, _plain(weight), eps, None if delta is None else total, y, inverse_rms)
    return total, y, inverse_rms


def norm_gradient(
    x: torch.Tensor, dy: torch.Tensor, dsum: torch.Tensor | None, weight: torch.Tensor, inverse_rms: torch.Tensor
) -> torch.Tensor:
    """The gradient of `norm`'s sum `x` from that of the norm, plus `dsum`, the sum's own."""
    dx = torch.empty_like(x)
    _cpu.train_norm_gradient(
        _team(), x, _like(dy, x), None if dsum is None else _like(dsum, x), _plain(weight), inverse_rms, dx
    )
    return dx


def gate(gate_up: torch.Tensor, activation: Activation) -> torch.Tensor:
    """activation(gate) · up: [T, 2F] with the gate first → [T, F]."""
    gate_up = _plain(gate_up)
    hidden = torch.empty((gate_up.shape[0], gate_up.shape[1] // 2), dtype=gate_up.dtype)
    _cpu.train_gate(_team(), gate_up, _ACTIVATIONS[activation], hidden)
    return hidden


def gate_gradient(
    gate_up: torch.Tensor, dhidden: torch.Tensor, activation: Activation
) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of `gate`'s input [T, 2F] from that of its result [T, F], and that result again."""
    gate_up, hidden = _plain(gate_up), torch.empty_like(dhidden)
    assert (dhidden.shape[0], 2 * dhidden.shape[1]) == gate_up.shape, (dhidden.shape, gate_up.shape)
    dgate_up = torch.empty_like(gate_up)
    _cpu.train_gate_gradient(_team(), gate_up, _like(dhidden, hidden), _ACTIVATIONS[activation], dgate_up, hidden)
    return dgate_up, hidden


def loss_(logits: torch.Tensor, targets: torch.Tensor, softcap: float | None, keeps_gradient: bool) -> torch.Tensor:
    """−log softmax(logits)[target] of each row, [R] float32; logits [R, V] become its gradient if that is kept.

    Args:
        targets: [R] int64, each below V.
        softcap: logits count as softcap · tanh(logits / softcap).
    """
    assert targets.shape == logits.shape[:1] and logits.is_contiguous(), (targets.shape, logits.shape)
    mass, chosen = torch.empty(len(logits)), torch.empty(len(logits))
    _cpu.train_loss(_team(), logits, targets, softcap or 0.0, keeps_gradient, mass, chosen)
    return mass.log_().sub_(chosen)


def group_heads(
    rows: torch.Tensor,
    heads: range,
    head_dim: int,
    cu_seqlens: torch.Tensor,
    angles: Angles | None = None,
    repeats: int = 1,
) -> torch.Tensor:
    """The named heads of rows [T, heads · D], each sequence's laid out as [heads · repeats, length, D], end to end.

    Args:
        cu_seqlens: [sequences + 1] int32, from 0 to T.
        angles: [T, dim / 2] each: element i of a head is turned against element i + dim / 2.
        repeats: copies of each head, one after the other.
    """
    rows = _plain(rows)
    cos, sin = _checked_heads(rows, heads, head_dim, cu_seqlens, angles)
    grouped = torch.empty(len(rows) * len(heads) * repeats * head_dim, dtype=rows.dtype)
    first = heads.start * head_dim
    _cpu.train_heads(_team(), rows, first, len(heads), head_dim, cu_seqlens, cos, sin, repeats, grouped)
    return grouped


def ungroup_heads_(
    rows: torch.Tensor,
    heads: range,
    head_dim: int,
    cu_seqlens: torch.Tensor,
    grouped: torch.Tensor,
    angles: Angles | None = None,
) -> None:
    """Write what `group_heads` laid out so back into the named heads of rows [T, heads · D], turned back."""
    cos, sin = _checked_heads(rows, heads, head_dim, cu_seqlens, angles)
    assert grouped.numel() == len(rows) * len(heads) * head_dim and grouped.dtype == rows.dtype, grouped.shape
    first = heads.start * head_dim
    _cpu.train_heads_gradient(_team(), _plain(grouped), first, len(heads), head_dim, cu_seqlens, cos, sin, rows)


def attention_gradient_(scores: torch.Tensor, dprobs: torch.Tensor, window: int, scale: float) -> None:
    """Make of causal attention's scores its probabilities, of their gradient that of the scores.

    Args:
        scores, dprobs: [..., L], changed in place; row r is the query at position r % L.
        window: keys that a query sees, itself among them.
        scale: of the scores before the softmax; the gradient has it too.
    """
    assert scores.shape == dprobs.shape and scores.is_contiguous() and dprobs.is_contiguous(), scores.shape
    _cpu.train_attention_gradient(_team(), scores, dprobs, window, scale)


def _checked_heads(
    rows: torch.Tensor, heads: range, head_dim: int, cu_seqlens: torch.Tensor, angles: Angles | None
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    assert rows.is_contiguous() and heads.stop * head_dim <= rows.shape[1], (rows.shape, heads, head_dim)
    assert cu_seqlens.dtype == torch.int32 and int(cu_seqlens[-1]) == len(rows), (cu_seqlens, rows.shape)
    if angles is None:
        return None, None
    assert angles[0].shape == angles[1].shape == (len(rows), angles[0].shape[1]), [each.shape for each in angles]
    assert 2 * angles[0].shape[1] <= head_dim, (angles[0].shape, head_dim)
    return angles


def _team() -> _cpu.Team:
    return _team_of(torch.get_num_threads())


@functools.cache
def _team_of(num_threads: int) -> _cpu.Team:
    return _cpu.Team(num_threads)


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """The same values, C-contiguous and outside the graph, as the kernels read them."""
    return tensor.detach().contiguous()


def _like(tensor: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    assert tensor.shape == other.shape and tensor.dtype == other.dtype, (tensor.shape, tensor.dtype, other.shape)
    return _plain(tensor)
