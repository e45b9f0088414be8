"""The C++ row kernels against torch's own operations and their gradients in float64."""

import pytest
import torch
import torch.nn.functional as F

from runtime.kernels.cpu import _cpu
from runtime.training import kernels

DTYPES = (torch.float32, torch.bfloat16)
ACTIVATIONS = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
}


@pytest.fixture(params=_cpu.instruction_sets(), autouse=True)
def team(request, monkeypatch):
    """Every instruction set of this machine, on more threads than there are runs of rows or fewer."""
    team = _cpu.Team(2, request.param)
    monkeypatch.setattr(kernels, "_team", lambda: team)


@pytest.fixture(params=DTYPES, ids=str)
def draw(request, rng):
    """Values that the element type holds exactly."""

    def draw(*shape, scale=1.0):
        return torch.from_numpy(rng.standard_normal(shape) * scale).to(request.param)

    return draw


def assert_rounded(actual, exact):
    """To the element type and no worse, but for float32's own errors on the way."""
    if actual.dtype == torch.bfloat16:
        torch.testing.assert_close(actual.double(), exact.double(), rtol=2**-8, atol=1e-5)
    else:
        torch.testing.assert_close(actual.double(), exact.double(), rtol=1e-5, atol=1e-5)


def leaves(*tensors):
    return [tensor.double().requires_grad_() for tensor in tensors]


@pytest.mark.parametrize("size", [5, 16, 67])
def test_norm_and_its_gradient(draw, rng, size):
    x, dy = draw(3, 7, size), draw(3, 7, size)
    weight = torch.from_numpy(rng.standard_normal(size, dtype="f4"))
    (wide,) = leaves(x)
    expected = F.rms_norm(wide, (size,), weight.double(), 1e-5)
    expected.backward(dy.double())
    total, y, inverse_rms = kernels.norm(x, None, weight, 1e-5)
    assert total.data_ptr() == x.data_ptr()
    assert_rounded(y, expected)
    assert_rounded(kernels.norm_gradient(x, dy, None, weight, inverse_rms), wide.grad)


def test_norm_of_a_sum_adds_the_gradient_of_the_sum(draw, rng):
    x, delta, dy, dsum = (draw(9, 40) for _ in range(4))
    weight = torch.from_numpy(rng.standard_normal(40, dtype="f4"))
    total, y, inverse_rms = kernels.norm(x, delta, weight, 1e-5)
    assert torch.equal(total, x + delta)
    assert torch.equal(y, kernels.norm(total, None, weight, 1e-5)[1])
    (wide,) = leaves(total)
    F.rms_norm(wide, (40,), weight.double(), 1e-5).backward(dy.double())
    assert_rounded(kernels.norm_gradient(total, dy, dsum, weight, inverse_rms), wide.grad + dsum.double())


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gate_and_its_gradient(draw, activation):
    gate_up, dhidden = draw(11, 2 * 37, scale=3), draw(11, 37)
    (wide,) = leaves(gate_up)
    gate, up = wide.chunk(2, dim=1)
    expected = ACTIVATIONS[activation](gate) * up
    expected.backward(dhidden.double())
    assert_rounded(kernels.gate(gate_up, activation), expected)
    dgate_up, hidden = kernels.gate_gradient(gate_up, dhidden, activation)
    assert_rounded(hidden, expected)
    assert_rounded(dgate_up, wide.grad)


def test_heads_are_laid_out_by_sequence_and_put_back(draw):
    rows = draw(9, 5 * 4)
    starts = torch.tensor([0, 2, 2, 9], dtype=torch.int32)
    grouped = kernels.group_heads(rows, range(1, 3), 4, starts, repeats=2)
    heads = rows.view(9, 5, 4)[:, 1:3].repeat_interleave(2, dim=1)
    expected = torch.cat([heads[:2].transpose(0, 1).flatten(), heads[2:].transpose(0, 1).flatten()])
    assert torch.equal(grouped, expected)
    back = torch.zeros_like(rows)
    kernels.ungroup_heads_(back, range(1, 3), 4, starts, kernels.group_heads(rows, range(1, 3), 4, starts))
    assert torch.equal(back[:, 4:12], rows[:, 4:12])
    assert not back[:, :4].any() and not back[:, 12:].any()


def test_heads_turn_by_halves_and_turn_back(draw, rng):
    rows, starts = draw(6, 2 * 10), torch.tensor([0, 6], dtype=torch.int32)
    angles = torch.from_numpy(rng.uniform(-3, 3, (6, 4)).astype("f4"))
    turned = kernels.group_heads(rows, range(2), 10, starts, (angles.cos(), angles.sin())).view(2, 6, 10)
    pairs = torch.complex(*(part.double() for part in (rows.view(6, 2, 10)[..., :4], rows.view(6, 2, 10)[..., 4:8])))
    expected = pairs * torch.polar(torch.ones(6, 4, dtype=torch.float64), angles.double())[:, None]
    assert_rounded(turned[..., :4].transpose(0, 1), expected.real)
    assert_rounded(turned[..., 4:8].transpose(0, 1), expected.imag)
    assert torch.equal(turned[..., 8:].transpose(0, 1), rows.view(6, 2, 10)[..., 8:])
    back = torch.empty_like(rows)
    kernels.ungroup_heads_(back, range(2), 10, starts, turned.flatten(), (angles.cos(), angles.sin()))
    torch.testing.assert_close(back, rows, rtol=0.02 if rows.dtype == torch.bfloat16 else 1e-5, atol=0.02)


@pytest.mark.parametrize("window", [1, 5, 19])
def test_attention_gradient(draw, window):
    scores, dprobs = draw(2, 3 * 19, 19, scale=3), draw(2, 3 * 19, 19)
    (wide,) = leaves(scores)
    distance = torch.arange(19)[:, None] - torch.arange(19)[None, :]
    hidden = ((distance < 0) | (distance >= window)).repeat(3, 1)
    probs = torch.softmax((wide * 0.5).masked_fill(hidden, -torch.inf), -1)
    probs.backward(dprobs.double())
    kernels.attention_gradient_(scores, dprobs, window, 0.5)
    assert_rounded(scores, probs)
    torch.testing.assert_close(
        dprobs.double(), wide.grad, rtol=1e-5 if scores.dtype == torch.float32 else 2**-8, atol=1e-6
    )


@pytest.mark.parametrize("softcap", [None, 4.0])
def test_loss_and_its_gradient(draw, rng, softcap):
    logits, targets = draw(5, 131, scale=5), torch.from_numpy(rng.integers(0, 131, 5))
    (wide,) = leaves(logits)
    capped = wide if softcap is None else softcap * torch.tanh(wide / softcap)
    expected = F.cross_entropy(capped, targets, reduction="none")
    expected.sum().backward()
    kept = logits.clone()
    losses = kernels.loss_(kept, targets, softcap, keeps_gradient=False)
    assert torch.equal(kept, logits)
    assert torch.equal(kernels.loss_(logits, targets, softcap, keeps_gradient=True), losses)
    torch.testing.assert_close(losses.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        logits.double(), wide.grad, rtol=2e-5 if logits.dtype == torch.float32 else 2**-8, atol=1e-6
    )


def test_a_target_outside_the_head_is_refused(draw):
    with pytest.raises(ValueError, match="Target 8 is no row of a head of 8"):
        kernels.loss_(draw(2, 8), torch.tensor([0, 8]), None, keeps_gradient=True)


def test_what_is_not_a_number_stays_so(draw):
    logits = draw(2, 40)
    logits[0, 3] = torch.nan
    losses = kernels.loss_(logits, torch.tensor([1, 1]), None, keeps_gradient=True)
    assert losses[0].isnan() and not losses[1].isnan()
    assert logits[0].isnan().all() and not logits[1].isnan().any()


def test_instruction_sets_and_threads_give_the_same_bits(draw, monkeypatch):
    gate_up, dhidden, logits = draw(33, 2 * 301), draw(33, 301), draw(33, 301, scale=3)
    results = []
    for name in _cpu.instruction_sets():
        for num_threads in (1, 3):
            team = _cpu.Team(num_threads, name)
            monkeypatch.setattr(kernels, "_team", lambda team=team: team)
            slopes = logits.clone()
            losses = kernels.loss_(slopes, torch.arange(33), 30.0, keeps_gradient=True)
            normed = kernels.norm(dhidden, logits, torch.ones(301), 1e-6)
            results.append((*kernels.gate_gradient(gate_up, dhidden, "gelu"), slopes, losses, *normed))
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))
