"""The torch backend: the contract, gradients, and torch's own operators."""

from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402

from runtime.config import RopeConfig  # noqa: E402
from runtime.kernels.reference import ReferenceBackend, attention, norms, quant_matmul  # noqa: E402
from runtime.kernels.reference.rope import rotate  # noqa: E402
from tests.contracts.kernels import KernelContract, ids, plain_weight, randn  # noqa: E402
from tests.helpers.tolerances import ATTENTION, ELEMENTWISE, assert_close  # noqa: E402


@pytest.fixture
def backend() -> ReferenceBackend:
    return ReferenceBackend()


class TestReferenceBackend(KernelContract):
    pass


def leaf(rng: np.random.Generator, *shape: int) -> "torch.Tensor":
    return torch.from_numpy(rng.standard_normal(shape)).requires_grad_()


ROPE = RopeConfig(base=100.0, dim=4, interleaved=False)
DIFFERENTIABLE: dict[str, tuple[Callable[..., "torch.Tensor"], list[tuple[int, ...]]]] = {
    "rms_norm": (lambda x, w: norms.rms_norm(x, w, 1e-5), [(3, 4), (4,)]),
    "layer_norm": (lambda x, w, b: norms.layer_norm(x, w, b, 1e-5), [(3, 4), (4,), (4,)]),
    "quant_matmul": (
        lambda x, w, a, s, b, r: quant_matmul.quant_matmul(
            x, w, addend=a, row_scale=s, bias=b, residual=r, activation="gelu"
        ),
        [(2, 3), (4, 3), (2, 4), (4,), (4,), (2, 4)],
    ),
    "gated_matmul": (
        lambda x, g, u, a, s: quant_matmul.gated_matmul(x, g, u, "silu", gate_addend=a, up_addend=a, gate_row_scale=s),
        [(2, 3), (4, 3), (4, 3), (2, 4), (4,)],
    ),
    "logits": (lambda x, h: quant_matmul.logits(x, h, 3.0), [(2, 3), (4, 3)]),
    "packed_attention": (
        lambda q, k, v: attention.packed_attention(q, k, v, ids(0, 2, 5), 0.5, causal=True),
        [(5, 4, 3), (5, 2, 3), (5, 2, 3)],
    ),
}


@pytest.mark.parametrize("op", DIFFERENTIABLE)
def test_gradients_are_those_of_small_differences(op, rng):
    function, shapes = DIFFERENTIABLE[op]
    assert torch.autograd.gradcheck(function, [leaf(rng, *shape) for shape in shapes])


def test_rope_carries_gradients_back_by_the_opposite_turn(rng):
    x = torch.from_numpy(randn(rng, 2, 1, 4)).requires_grad_()
    upstream = torch.from_numpy(randn(rng, 2, 1, 4))
    rotate(x, ids(3, 5), ROPE).backward(upstream)
    back = rotate(upstream, ids(-3, -5), ROPE)
    assert_close(x.grad.numpy(), back.numpy(), ELEMENTWISE)


def test_embed_lets_gradients_reach_the_table(backend):
    table = plain_weight(backend, np.ones((3, 2)))
    table.values.requires_grad_()
    backend.embed(ids(1, 1), table, 2.0).sum().backward()
    np.testing.assert_array_equal(table.values.grad.numpy(), [[0, 0], [4, 4], [0, 0]])


def test_ops_agree_with_the_operators_torch_has(backend, rng):
    x, weight = backend.from_numpy(randn(rng, 5, 32)), backend.from_numpy(randn(rng, 32))
    bias = backend.from_numpy(randn(rng, 32))
    assert_close(backend.rms_norm(x, weight, 1e-5).numpy(), F.rms_norm(x, (32,), weight, 1e-5).numpy(), ELEMENTWISE)
    layer_norm = F.layer_norm(x, (32,), weight, bias, 1e-5).numpy()
    assert_close(backend.layer_norm(x, weight, bias, 1e-5).numpy(), layer_norm, ELEMENTWISE)
    q = backend.from_numpy(randn(rng, 7, 2, 16))
    expected = F.scaled_dot_product_attention(*(q.transpose(0, 1),) * 3, is_causal=True, scale=0.25).transpose(0, 1)
    got = backend.packed_attention(q, q, q, ids(0, 7), 0.25, causal=True)
    assert_close(got.numpy(), expected.numpy(), ATTENTION)
