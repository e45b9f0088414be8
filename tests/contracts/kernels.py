"""What every backend promises about every op. A new backend gets its tests by subclassing with a `backend` fixture.

Expected values are worked out by hand or in float64 (`helpers/float64_ops.py`), so `reference` is measured too.
"""

from itertools import pairwise

import numpy as np
import pytest

from runtime.config import RopeConfig
from runtime.errors import KernelUnavailableError
from runtime.kernels.ops import PAGE_SIZE, Backend, Buffer, KVPool, KVShape, PageTable, Weight
from runtime.quant import FORMATS, dequantize
from tests.helpers import float64_ops
from tests.helpers.float64_ops import StoredSequences
from tests.helpers.random_blocks import random_blocks
from tests.helpers.tolerances import ACTIVATION, ATTENTION, ELEMENTWISE, MATMUL, assert_close

ACTIVATIONS = ["silu", "gelu", "gelu_tanh"]


def randn(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def ids(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def plain_weight(backend: Backend, matrix: np.ndarray) -> Weight:
    return backend.load_weight(np.ascontiguousarray(matrix, np.float32).view(np.uint8), "F32", matrix.shape)


def row(backend: Backend, *values: float) -> Buffer:
    return backend.from_numpy(np.array(values, np.float32))


def rows(backend: Backend, *values: list[float]) -> Buffer:
    return backend.from_numpy(np.array(values, np.float32))


class WeightsContract:
    def test_load_weight_keeps_shape_and_format(self, backend: Backend, rng: np.random.Generator) -> None:
        weight = backend.load_weight(random_blocks(rng, "Q4_K", (3, 512)), "Q4_K", (3, 512))
        assert (weight.shape, weight.format) == ((3, 512), "Q4_K")

    def test_load_weight_names_the_format_it_cannot_read(self, backend: Backend) -> None:
        with pytest.raises(KernelUnavailableError, match=r"TQ1_0.*Q4_K") as caught:
            backend.load_weight(np.zeros(54, np.uint8), "TQ1_0", (1, 256))
        assert (caught.value.op, caught.value.backend) == ("load_weight", backend.name)

    def test_load_weight_refuses_a_wrong_byte_count(self, backend: Backend) -> None:
        with pytest.raises(ValueError, match=r"40.*39"):
            backend.load_weight(np.zeros(39, np.uint8), "Q4_1", (2, 32))

    def test_load_weight_refuses_a_row_that_is_no_whole_number_of_blocks(self, backend: Backend) -> None:
        with pytest.raises(ValueError, match="32"):
            backend.load_weight(np.zeros(20, np.uint8), "Q4_1", (1, 33))

    def test_describe_says_what_runs(self, backend: Backend) -> None:
        facts = backend.describe()
        assert facts["backend"] == backend.name
        assert facts["instruction_sets"] and facts["threads"] >= 1


class RowsContract:
    @pytest.mark.parametrize("format", FORMATS)
    def test_embed_gives_the_rows_as_quant_dequantises_them(
        self, backend: Backend, format: str, rng: np.random.Generator
    ) -> None:
        data = random_blocks(rng, format, (5, 512))
        rows = backend.embed(ids(4, 0, 4), backend.load_weight(data, format, (5, 512)))
        np.testing.assert_array_equal(backend.to_numpy(rows), dequantize(data, format, (5, 512))[[4, 0, 4]])

    def test_embed_multiplies_by_the_scale(self, backend: Backend) -> None:
        table = plain_weight(backend, np.array([[1, 2], [3, 4]]))
        np.testing.assert_array_equal(backend.to_numpy(backend.embed(ids(1), table, 2.5)), [[7.5, 10]])

    @pytest.mark.parametrize("bad", [-1, 2])
    def test_embed_refuses_ids_outside_the_table(self, backend: Backend, bad: int) -> None:
        with pytest.raises(ValueError, match=rf"input_ids holds {bad}; .* 0 … 1"):
            backend.embed(ids(0, bad), plain_weight(backend, np.ones((2, 3))))

    def test_embed_refuses_ids_of_another_type(self, backend: Backend) -> None:
        with pytest.raises(TypeError, match="int64"):
            backend.embed(np.array([0]), plain_weight(backend, np.ones((2, 3))))

    def test_take_rows_gives_them_in_the_order_named(self, backend: Backend) -> None:
        x = rows(backend, [1, 2], [3, 4], [5, 6])
        np.testing.assert_array_equal(backend.to_numpy(backend.take_rows(x, ids(2, 0, 2))), [[5, 6], [1, 2], [5, 6]])

    @pytest.mark.parametrize("bad", [-1, 3])
    def test_take_rows_refuses_rows_that_are_not_there(self, backend: Backend, bad: int) -> None:
        with pytest.raises(ValueError, match=rf"rows holds {bad}"):
            backend.take_rows(rows(backend, [1.0], [2.0], [3.0]), ids(bad))

    def test_add_leaves_its_inputs_alone(self, backend: Backend) -> None:
        x, y = rows(backend, [1, 2]), rows(backend, [10, 20])
        np.testing.assert_array_equal(backend.to_numpy(backend.add(x, y)), [[11, 22]])
        np.testing.assert_array_equal(backend.to_numpy(x), [[1, 2]])

    def test_add_refuses_two_shapes(self, backend: Backend) -> None:
        with pytest.raises(ValueError, match=r"\[1, 2\].*\[1, 1\]"):
            backend.add(rows(backend, [1]), rows(backend, [1, 2]))

    def test_reshape_keeps_the_order_of_values(self, backend: Backend) -> None:
        x = backend.reshape(rows(backend, [1, 2, 3], [4, 5, 6]), (3, 2))
        np.testing.assert_array_equal(backend.to_numpy(x), [[1, 2], [3, 4], [5, 6]])

    def test_reshape_refuses_another_number_of_values(self, backend: Backend) -> None:
        with pytest.raises(ValueError, match=r"\[1, 3\].*\[2, 2\]"):
            backend.reshape(rows(backend, [1, 2, 3]), (2, 2))

    def test_from_numpy_takes_a_copy(self, backend: Backend) -> None:
        array = np.ones(3, np.float32)
        buffer = backend.from_numpy(array)
        array[:] = 7
        np.testing.assert_array_equal(backend.to_numpy(buffer), [1, 1, 1])


class NormsContract:
    def test_rms_norm_by_hand(self, backend: Backend) -> None:
        y = backend.rms_norm(rows(backend, [3, 4, 0, 0]), row(backend, 1, 2, 1, 1), 0.0)
        assert_close(backend.to_numpy(y), np.array([[1.2, 3.2, 0, 0]]), ELEMENTWISE)  # the root mean square is 2.5

    def test_layer_norm_by_hand(self, backend: Backend) -> None:
        y = backend.layer_norm(rows(backend, [1, 3, 5]), row(backend, 1, 1, 2), row(backend, 0, 1, 0), 1 / 3)
        assert_close(backend.to_numpy(y), np.array([[-2, 0, 4]]) / np.sqrt(3) + [[0, 1, 0]], ELEMENTWISE)

    @pytest.mark.parametrize("size", [1, 7, 77, 576])
    @pytest.mark.parametrize("lead", [(1,), (33,), (3, 5)])
    def test_norms_of_any_size(
        self, backend: Backend, size: int, lead: tuple[int, ...], rng: np.random.Generator
    ) -> None:
        x, weight, bias = randn(rng, *lead, size), randn(rng, size), randn(rng, size)
        centred = x - x.mean(-1, keepdims=True, dtype=np.float64)
        rms = np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-5)
        deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        got_rms = backend.rms_norm(backend.from_numpy(x), backend.from_numpy(weight), 1e-5)
        got_layer = backend.layer_norm(
            backend.from_numpy(x), backend.from_numpy(weight), backend.from_numpy(bias), 1e-5
        )
        assert_close(backend.to_numpy(got_rms), x / rms * weight, ELEMENTWISE)
        assert_close(backend.to_numpy(got_layer), centred / deviation * weight + bias, 2 * ELEMENTWISE)

    def test_norms_refuse_a_weight_of_another_size(self, backend: Backend) -> None:
        with pytest.raises(ValueError, match=r"weight has shape \[3\]; it must be \[2\]"):
            backend.rms_norm(rows(backend, [1, 2]), row(backend, 1, 2, 3), 1e-5)


class MatricesContract:
    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("num_rows", [1, 3, 33])  # decode, odd, past one tile
    def test_quant_matmul_multiplies_by_the_dequantised_matrix(
        self, backend: Backend, format: str, num_rows: int, rng: np.random.Generator
    ) -> None:
        x, data = randn(rng, num_rows, 512), random_blocks(rng, format, (37, 512))
        y = backend.quant_matmul(backend.from_numpy(x), backend.load_weight(data, format, (37, 512)))
        expected = x.astype(np.float64) @ dequantize(data, format, (37, 512)).astype(np.float64).T
        assert_close(backend.to_numpy(y), expected, MATMUL)

    @pytest.mark.parametrize("format", ["F32", "F16", "BF16"])
    @pytest.mark.parametrize("size", [1, 15, 17, 83])
    def test_quant_matmul_of_odd_sizes(
        self, backend: Backend, format: str, size: int, rng: np.random.Generator
    ) -> None:
        x, data = randn(rng, 5, size), random_blocks(rng, format, (3, size))
        y = backend.quant_matmul(backend.from_numpy(x), backend.load_weight(data, format, (3, size)))
        assert_close(backend.to_numpy(y), x.astype(np.float64) @ dequantize(data, format, (3, size)).T, MATMUL)

    def test_quant_matmul_applies_its_terms_in_order(self, backend: Backend) -> None:
        # (2 · 3 + 1) · 2 + 4 = 18, − 20 gives −2 before the activation and 98 after the residual
        y = backend.quant_matmul(
            rows(backend, [2]),
            plain_weight(backend, np.array([[3.0], [3.0]])),
            addend=rows(backend, [1, 1]),
            row_scale=row(backend, 2, 2),
            bias=row(backend, 4, -16),
            residual=rows(backend, [100, 100]),
            activation="silu",
        )
        low = -2 / (1 + np.exp(2))
        assert_close(backend.to_numpy(y), np.array([[100 + 18 / (1 + np.exp(-18)), 100 + low]]), ELEMENTWISE)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    def test_activations_from_far_below_to_far_above_zero(self, backend: Backend, activation: str) -> None:
        x = np.concatenate([np.linspace(-30, 30, 1201), np.linspace(-1, 1, 400), [-1e4, 1e4]]).astype(np.float32)
        y = backend.quant_matmul(
            backend.from_numpy(x[:, None]), plain_weight(backend, np.ones((1, 1))), activation=activation
        )
        expected = float64_ops.activate(np.clip(x, -700, None).astype(np.float64), activation)
        np.testing.assert_allclose(backend.to_numpy(y)[:, 0], expected, rtol=4 * ACTIVATION, atol=ACTIVATION)

    @pytest.mark.parametrize("activation", ACTIVATIONS)
    @pytest.mark.parametrize("num_rows", [1, 33])
    def test_gated_matmul_multiplies_two_products(
        self, backend: Backend, activation: str, num_rows: int, rng: np.random.Generator
    ) -> None:
        x, gate, up = randn(rng, num_rows, 40), randn(rng, 45, 40), randn(rng, 45, 40)
        extra = randn(rng, num_rows, 45), randn(rng, num_rows, 45)
        y = backend.gated_matmul(
            backend.from_numpy(x),
            plain_weight(backend, gate),
            plain_weight(backend, up),
            activation,
            gate_addend=backend.from_numpy(extra[0]),
            up_addend=backend.from_numpy(extra[1]),
        )
        wide = x.astype(np.float64)
        expected = float64_ops.activate(wide @ gate.T + extra[0], activation) * (wide @ up.T + extra[1])
        assert_close(backend.to_numpy(y), expected, 2 * MATMUL)

    def test_gated_matmul_scales_the_rows_of_both_products(self, backend: Backend) -> None:
        # left: (2 · 3 + 1) · 2 = 14 before the activation; right: (2 · 5 − 4) · 3 = 18
        y = backend.gated_matmul(
            rows(backend, [2]),
            plain_weight(backend, np.array([[3.0]])),
            plain_weight(backend, np.array([[5.0]])),
            "silu",
            gate_addend=rows(backend, [1]),
            up_addend=rows(backend, [-4]),
            gate_row_scale=row(backend, 2),
            up_row_scale=row(backend, 3),
        )
        assert_close(backend.to_numpy(y), np.array([[14 / (1 + np.exp(-14)) * 18]]), ELEMENTWISE)

    @pytest.mark.parametrize("term", ["gate_addend", "up_addend", "gate_row_scale", "up_row_scale"])
    def test_gated_matmul_refuses_terms_of_another_size(self, backend: Backend, term: str) -> None:
        weight = plain_weight(backend, np.ones((4, 3)))
        with pytest.raises(ValueError, match=f"{term} has shape"):
            backend.gated_matmul(rows(backend, [1, 2, 3]), weight, weight, "silu", **{term: row(backend, 1, 2, 3)})

    def test_gated_matmul_takes_two_formats(self, backend: Backend, rng: np.random.Generator) -> None:
        gate, up = random_blocks(rng, "Q4_K", (33, 256)), random_blocks(rng, "Q6_K", (33, 256))
        x = randn(rng, 2, 256)
        y = backend.gated_matmul(
            backend.from_numpy(x),
            backend.load_weight(gate, "Q4_K", (33, 256)),
            backend.load_weight(up, "Q6_K", (33, 256)),
            "silu",
        )
        left = float64_ops.activate(x.astype(np.float64) @ dequantize(gate, "Q4_K", (33, 256)).T, "silu")
        assert_close(backend.to_numpy(y), left * (x.astype(np.float64) @ dequantize(up, "Q6_K", (33, 256)).T), MATMUL)

    @pytest.mark.parametrize("softcap", [None, 3.0])
    def test_logits_are_a_product_bent_by_the_softcap(
        self, backend: Backend, softcap: float | None, rng: np.random.Generator
    ) -> None:
        x, head = randn(rng, 3, 20), randn(rng, 101, 20)
        logits = backend.logits(backend.from_numpy(x), plain_weight(backend, head), softcap)
        expected = x.astype(np.float64) @ head.T
        expected = expected if softcap is None else softcap * np.tanh(expected / softcap)
        assert isinstance(logits, np.ndarray) and logits.dtype == np.float32
        assert_close(logits, expected, MATMUL)

    def test_no_rows_give_no_rows(self, backend: Backend) -> None:
        weight = plain_weight(backend, np.ones((4, 3)))
        assert backend.to_numpy(backend.quant_matmul(backend.embed(ids(), weight), weight)).shape == (0, 4)

    def test_quant_matmul_refuses_rows_of_another_size(self, backend: Backend) -> None:
        with pytest.raises(ValueError, match=r"x has shape \[1, 2\]; it must be \[any, 3\]"):
            backend.quant_matmul(rows(backend, [1, 2]), plain_weight(backend, np.ones((4, 3))))

    @pytest.mark.parametrize("term", ["bias", "addend", "row_scale", "residual"])
    def test_quant_matmul_refuses_terms_of_another_size(self, backend: Backend, term: str) -> None:
        weight = plain_weight(backend, np.ones((4, 3)))
        with pytest.raises(ValueError, match=f"{term} has shape"):
            backend.quant_matmul(rows(backend, [1, 2, 3]), weight, **{term: row(backend, 1, 2, 3)})

    def test_quant_matmul_names_the_activations_there_are(self, backend: Backend) -> None:
        with pytest.raises(ValueError, match=r"'relu'.*silu, gelu, gelu_tanh"):
            backend.quant_matmul(rows(backend, [1.0]), plain_weight(backend, np.ones((1, 1))), activation="relu")


class RopeContract:
    @pytest.mark.parametrize("interleaved", [True, False])
    @pytest.mark.parametrize("position_scale", [1.0, 4.0])
    def test_rope_turns_pairs(
        self, backend: Backend, interleaved: bool, position_scale: float, rng: np.random.Generator
    ) -> None:
        rope = RopeConfig(base=1e4, dim=16, interleaved=interleaved, position_scale=position_scale)
        x, positions = randn(rng, 4, 3, 20), [0, 1, 77, 131071]
        y = backend.rope(backend.from_numpy(x), ids(*positions), rope)
        assert_close(backend.to_numpy(y), float64_ops.rotate(x, positions, rope), ELEMENTWISE)

    def test_rope_leaves_position_zero_and_the_rest_of_a_head_alone(
        self, backend: Backend, rng: np.random.Generator
    ) -> None:
        x, rope = randn(rng, 2, 1, 12), RopeConfig(base=1e4, dim=8, interleaved=False)
        y = backend.to_numpy(backend.rope(backend.from_numpy(x), ids(0, 9), rope))
        np.testing.assert_array_equal(y[0], x[0])
        np.testing.assert_array_equal(y[:, :, 8:], x[:, :, 8:])

    def test_rope_divides_frequencies_by_their_factors(self, backend: Backend, rng: np.random.Generator) -> None:
        x, rope = randn(rng, 1, 2, 4), RopeConfig(base=1e4, dim=4, interleaved=True)
        slower = backend.rope(backend.from_numpy(x), ids(6), rope, np.array([2.0, 2.0], np.float32))
        np.testing.assert_array_equal(
            backend.to_numpy(slower), backend.to_numpy(backend.rope(backend.from_numpy(x), ids(3), rope))
        )

    def test_rope_refuses_a_head_that_is_too_small(self, backend: Backend) -> None:
        x = backend.from_numpy(np.ones((1, 1, 4), np.float32))
        with pytest.raises(ValueError, match=r"8 elements .* heads of 4"):
            backend.rope(x, ids(0), RopeConfig(base=1e4, dim=8, interleaved=True))


class AttentionContract:
    def new_pool(self, backend: Backend, num_pages: int, num_kv_heads: int, head_dim: int, dtype: str) -> KVPool:
        """Two layers, every slot NaN: what was not written must not be read."""
        shape = KVShape(num_layers=2, num_pages=num_pages, num_kv_heads=num_kv_heads, head_dim=head_dim, dtype=dtype)
        pool = backend.new_kv_pool(shape)
        pool.k[:], pool.v[:] = float("nan"), float("nan")
        return pool

    def test_write_kv_follows_the_page_layout(self, backend: Backend) -> None:
        pool = backend.new_kv_pool(KVShape(num_layers=2, num_pages=4, num_kv_heads=2, head_dim=3, dtype="f16"))
        k = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
        pages = PageTable(np.array([[3, 1]], np.int32), ids(0, 2), ids(17))  # positions 15 and 16
        backend.write_kv(pool, 1, pages, backend.from_numpy(k), backend.from_numpy(-k))
        stored = np.asarray(pool.k)
        np.testing.assert_array_equal(stored[1, 3, :, 15], k[0])
        np.testing.assert_array_equal(stored[1, 1, :, 0], k[1])
        np.testing.assert_array_equal(np.asarray(pool.v)[1, 1, :, 0], -k[1])
        assert np.count_nonzero(stored) == 11  # of twelve values one is zero, and nothing else was written

    def test_write_kv_rounds_as_numpy_does(self, backend: Backend, rng: np.random.Generator) -> None:
        edges = [0, -0.0, 1e-8, 2**-25, 2**-24, 6e-8, 2**-14, 6.1e-5, 65504, 65519, 65520, 1e30, np.inf, -np.inf]
        values = np.concatenate([edges, 10.0 ** rng.uniform(-9, 6, 2034)]).astype(np.float32).reshape(1, 1, 2048)
        pool = backend.new_kv_pool(KVShape(num_layers=1, num_pages=1, num_kv_heads=1, head_dim=2048))
        pages = PageTable(np.zeros((1, 1), np.int32), ids(0, 1), ids(1))
        backend.write_kv(pool, 0, pages, backend.from_numpy(values), backend.from_numpy(values))
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(np.asarray(pool.k)[0, 0, 0, 0], values[0, 0].astype(np.float16))

    @pytest.mark.parametrize("dtype", ["f32", "f16"])
    @pytest.mark.parametrize("head_dim", [5, 64, 80])
    @pytest.mark.parametrize(("window", "softcap"), [(None, None), (100, None), (257, 5.0)])
    def test_paged_attention_sees_what_is_stored(
        self,
        backend: Backend,
        dtype: str,
        head_dim: int,
        window: int | None,
        softcap: float | None,
        rng: np.random.Generator,
    ) -> None:
        stored = StoredSequences(rng, kv_lens=[300, 1, 530, 40], num_new=[3, 1, 33, 40])
        k, v, q = randn(rng, 871, 2, head_dim), randn(rng, 871, 2, head_dim), 3 * randn(rng, 77, 6, head_dim)
        if dtype == "f16":
            k, v = (part.astype(np.float16).astype(np.float32) for part in (k, v))
        pool = self.new_pool(backend, stored.num_pages, 2, head_dim, dtype)
        backend.write_kv(pool, 1, stored.everything, backend.from_numpy(k), backend.from_numpy(v))
        y = backend.paged_attention(backend.from_numpy(q), pool, 1, stored.step, 0.3, window, softcap)
        assert_close(backend.to_numpy(y), stored.attend(q, k, v, 0.3, window, softcap), ATTENTION)

    def test_paged_attention_of_the_first_token_is_its_value(self, backend: Backend) -> None:
        pool = self.new_pool(backend, 1, 1, 2, "f32")
        pages = PageTable(np.zeros((1, 1), np.int32), ids(0, 1), ids(1))
        backend.write_kv(pool, 0, pages, rows(backend, [[9, 9]]), rows(backend, [[5, 7]]))
        y = backend.paged_attention(rows(backend, [[1, 1], [-1, 0]]), pool, 0, pages, 1.0)
        np.testing.assert_array_equal(backend.to_numpy(y), [[[5, 7], [5, 7]]])

    @pytest.mark.parametrize("causal", [True, False])
    @pytest.mark.parametrize("head_dim", [32, 20])
    def test_packed_attention_stays_within_each_sequence(
        self, backend: Backend, causal: bool, head_dim: int, rng: np.random.Generator
    ) -> None:
        starts = [0, 10, 10, 13, 300]
        q, k, v = randn(rng, 300, 4, head_dim), randn(rng, 300, 2, head_dim), randn(rng, 300, 2, head_dim)
        buffers = (backend.from_numpy(part) for part in (q, k, v))
        y = backend.packed_attention(*buffers, ids(*starts), 0.2, causal=causal)
        expected = np.empty(q.shape)
        for start, end in pairwise(starts):
            for t in range(start, end):
                seen = slice(start, t + 1 if causal else end)
                expected[t] = float64_ops.attend_one(q[t], k[seen], v[seen], 0.2)
        assert_close(backend.to_numpy(y), expected, ATTENTION)

    def test_a_step_of_no_sequences_is_empty(self, backend: Backend) -> None:
        pool = self.new_pool(backend, 1, 1, 2, "f32")
        nothing = PageTable(np.zeros((0, 1), np.int32), ids(0), ids())
        q = backend.from_numpy(np.zeros((0, 1, 2), np.float32))
        assert backend.to_numpy(backend.paged_attention(q, pool, 0, nothing, 1.0)).shape == (0, 1, 2)

    @pytest.mark.parametrize(
        ("page_ids", "starts", "kv_lens", "message"),
        [
            ([[2]], [0, 1], [1], r"page_ids\[0\] holds 2; .* 0 … 1"),
            ([[0, -1]], [0, 1], [17], r"page_ids\[0\] holds -1"),
            ([[0]], [0, 1], [17], r"kv_lens\[0\] is 17; .* 1 new tokens and 1 pages of 16"),
            ([[0]], [0, 1], [0], r"kv_lens\[0\] is 0"),
            ([[0]], [0, 2], [2], r"query_starts .* 1 rows"),
            ([[0], [1]], [0, 2, 1], [2, 1], r"query_starts "),
            ([[0]], [0, 1, 1], [1], r"query_starts has shape \[3\]; it must be \[2\]"),
        ],
    )
    def test_a_page_table_that_contradicts_itself_is_refused(
        self, backend: Backend, page_ids: list[list[int]], starts: list[int], kv_lens: list[int], message: str
    ) -> None:
        pool = self.new_pool(backend, 2, 1, 2, "f32")
        pages = PageTable(np.array(page_ids, np.int32), ids(*starts), ids(*kv_lens))
        token = rows(backend, [[1, 1]])
        with pytest.raises(ValueError, match=message):
            backend.write_kv(pool, 0, pages, token, token)
        with pytest.raises(ValueError, match=message):
            backend.paged_attention(token, pool, 0, pages, 1.0)

    def test_attention_refuses_what_does_not_fit_the_pool(self, backend: Backend) -> None:
        pool = self.new_pool(backend, 1, 2, 4, "f32")
        pages = PageTable(np.zeros((1, 1), np.int32), ids(0, 1), ids(1))
        with pytest.raises(ValueError, match=r"\[any, any, 4\]"):
            backend.paged_attention(backend.from_numpy(np.ones((1, 2, 5), np.float32)), pool, 0, pages, 1.0)
        with pytest.raises(ValueError, match="3 query heads cannot share 2 kv heads"):
            backend.paged_attention(backend.from_numpy(np.ones((1, 3, 4), np.float32)), pool, 0, pages, 1.0)
        with pytest.raises(ValueError, match="layer_idx is 2; the pool holds 2 layers"):
            backend.paged_attention(backend.from_numpy(np.ones((1, 2, 4), np.float32)), pool, 2, pages, 1.0)
        with pytest.raises(ValueError, match="window is 0"):
            backend.paged_attention(backend.from_numpy(np.ones((1, 2, 4), np.float32)), pool, 0, pages, 1.0, 0)

    @pytest.mark.parametrize("starts", [[], [0], [1, 2], [0, 3], [0, 2, 1, 2]])
    def test_packed_attention_refuses_starts_that_do_not_cover_the_rows(
        self, backend: Backend, starts: list[int]
    ) -> None:
        x = backend.from_numpy(np.ones((2, 1, 4), np.float32))
        with pytest.raises(ValueError, match="cu_seqlens"):
            backend.packed_attention(x, x, x, ids(*starts), 1.0, causal=False)

    def test_a_pool_is_zeroed_and_says_when_it_cannot_be_had(self, backend: Backend) -> None:
        pool = backend.new_kv_pool(KVShape(num_layers=1, num_pages=2, num_kv_heads=1, head_dim=4))
        assert np.asarray(pool.k).shape == (1, 2, 1, PAGE_SIZE, 4) and not np.asarray(pool.v).any()
        with pytest.raises(MemoryError, match=r"takes 4,503,599,627,370,496 bytes"):
            backend.new_kv_pool(KVShape(num_layers=1, num_pages=2**44, num_kv_heads=1, head_dim=4))


class KernelContract(WeightsContract, RowsContract, NormsContract, MatricesContract, RopeContract, AttentionContract):
    """All of it."""
