"""The C++ backend: the contract at every instruction set, and the promise that company changes no bit."""

import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from runtime.config import RopeConfig
from runtime.kernels.cpu.backend import CpuBackend
from runtime.kernels.ops import KVShape, PageTable
from runtime.quant import FORMATS
from tests.contracts.kernels import ACTIVATIONS, KernelContract, ids, plain_weight, randn
from tests.helpers.float64_ops import StoredSequences
from tests.helpers.random_blocks import random_blocks
from tests.helpers.tolerances import assert_same_bits

INSTRUCTION_SETS = CpuBackend(1).describe()["instruction_sets"]
SETTINGS = [(threads, name) for name in INSTRUCTION_SETS for threads in (1, 2, 3)]


@pytest.fixture(scope="module")
def backend():
    return CpuBackend(2)


class TestCpuBackend(KernelContract):
    pass


class TestPortableCpuBackend(KernelContract):
    """What a machine without vector extensions of note runs."""

    @pytest.fixture
    def backend(self):
        return CpuBackend(1, "portable")


@pytest.fixture(scope="module", params=SETTINGS[1:], ids=lambda setting: f"{setting[1]}-{setting[0]}")
def other_backend(request):
    """Every other setting than the plainest, which `plain_backend` has."""
    return CpuBackend(*request.param)


@pytest.fixture(scope="module")
def plain_backend():
    return CpuBackend(*SETTINGS[0])


@pytest.mark.parametrize("format", FORMATS)
def test_a_row_has_the_same_bits_at_every_batch_size(backend, format, rng):
    x, data = randn(rng, 33, 512), random_blocks(rng, format, (37, 512))
    weight = backend.load_weight(data, format, (37, 512))
    together = backend.quant_matmul(x, weight)
    alone = np.concatenate([backend.quant_matmul(x[t : t + 1], weight) for t in range(33)])
    assert_same_bits(together, alone)
    assert_same_bits(backend.quant_matmul(x[:5], weight), alone[:5])


@pytest.mark.parametrize("format", FORMATS)
def test_matmul_bits_do_not_depend_on_threads_or_instructions(plain_backend, other_backend, format, rng):
    x, data = randn(rng, 9, 512), random_blocks(rng, format, (67, 512))
    results = [
        backend.quant_matmul(x, backend.load_weight(data, format, (67, 512)))
        for backend in (plain_backend, other_backend)
    ]
    assert_same_bits(*results)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gated_bits_do_not_depend_on_threads_or_instructions(plain_backend, other_backend, activation, rng):
    x, gate, up = randn(rng, 5, 70), randn(rng, 67, 70), randn(rng, 67, 70)
    results = [
        backend.gated_matmul(x, plain_weight(backend, gate), plain_weight(backend, up), activation)
        for backend in (plain_backend, other_backend)
    ]
    assert_same_bits(*results)


def attention_of(backend, stored, q, k, v, step, **options):
    shape = KVShape(num_layers=1, num_pages=stored.num_pages, num_kv_heads=k.shape[1], head_dim=k.shape[2])
    pool = backend.new_kv_pool(shape)
    backend.write_kv(pool, 0, stored.everything, k, v)
    return backend.paged_attention(q, pool, 0, step, 0.3, **options)


@pytest.mark.parametrize("options", [{}, {"window": 100}, {"softcap": 5.0}])
def test_attention_bits_do_not_depend_on_threads_or_instructions(plain_backend, other_backend, options, rng):
    stored = StoredSequences(rng, kv_lens=[700, 40], num_new=[3, 40])
    k, v, q = randn(rng, 740, 2, 72), randn(rng, 740, 2, 72), randn(rng, 43, 6, 72)
    results = [
        attention_of(backend, stored, q, k, v, stored.step, **options) for backend in (plain_backend, other_backend)
    ]
    assert_same_bits(*results)


def test_four_sequences_together_have_the_bits_of_each_alone(backend, rng):
    stored = StoredSequences(rng, kv_lens=[600, 1, 257, 40], num_new=[1, 1, 5, 40])
    k, v, q = randn(rng, 898, 3, 64), randn(rng, 898, 3, 64), randn(rng, 47, 9, 64)
    together = attention_of(backend, stored, q, k, v, stored.step)
    for b in range(4):
        rows = slice(stored.step.query_starts[b], stored.step.query_starts[b + 1])
        alone = PageTable(
            stored.step.page_ids[b : b + 1].copy(), ids(0, rows.stop - rows.start), stored.step.kv_lens[b : b + 1]
        )
        assert_same_bits(attention_of(backend, stored, q[rows], k, v, alone), together[rows])


@pytest.mark.parametrize("window", [None, 50])
def test_prefill_rows_have_the_bits_of_single_steps(backend, window, rng):
    num_tokens = 300
    stored = StoredSequences(rng, kv_lens=[num_tokens], num_new=[num_tokens])
    k, v, q = randn(rng, num_tokens, 1, 40), randn(rng, num_tokens, 1, 40), randn(rng, num_tokens, 3, 40)
    at_once = attention_of(backend, stored, q, k, v, stored.step, window=window)
    shape = KVShape(num_layers=1, num_pages=stored.num_pages, num_kv_heads=1, head_dim=40)
    pool = backend.new_kv_pool(shape)
    for t in range(num_tokens):
        one = PageTable(stored.step.page_ids, ids(0, 1), ids(t + 1))
        backend.write_kv(pool, 0, one, k[t : t + 1], v[t : t + 1])
        step = backend.paged_attention(q[t : t + 1], pool, 0, one, 0.3, window)
        assert_same_bits(step, at_once[t : t + 1])


@pytest.mark.parametrize("causal", [True, False])
def test_packed_sequences_have_the_bits_of_each_alone(backend, causal, rng):
    q, k, v = randn(rng, 400, 4, 32), randn(rng, 400, 4, 32), randn(rng, 400, 4, 32)
    together = backend.packed_attention(q, k, v, ids(0, 90, 400), 0.2, causal=causal)
    alone = backend.packed_attention(q[90:], k[90:], v[90:], ids(0, 310), 0.2, causal=causal)
    assert_same_bits(together[90:], alone)


def test_norms_and_rope_rows_do_not_depend_on_their_company(backend, rng):
    x, weight = randn(rng, 100, 576), randn(rng, 576)
    assert_same_bits(backend.rms_norm(x, weight, 1e-5)[63:64], backend.rms_norm(x[63:64], weight, 1e-5))
    assert_same_bits(
        backend.layer_norm(x, weight, weight, 1e-5)[63:64], backend.layer_norm(x[63:64], weight, weight, 1e-5)
    )
    heads, rope = x.reshape(100, 9, 64), RopeConfig(base=1e4, dim=64, interleaved=True)
    positions = np.arange(100, dtype=np.int32)
    assert_same_bits(backend.rope(heads, positions, rope)[63:64], backend.rope(heads[63:64], ids(63), rope))


def test_a_nan_stays_in_its_row(backend, rng):
    x, weight = randn(rng, 6, 64), plain_weight(backend, randn(rng, 40, 64))
    clean = backend.quant_matmul(x, weight)
    x[2, 5] = np.nan
    poisoned = backend.quant_matmul(x, weight)
    assert np.isnan(poisoned[2]).all()
    others = [0, 1, 3, 4, 5]
    assert_same_bits(poisoned[others], clean[others])


def test_a_nan_key_is_seen_by_its_own_sequence_from_its_position_on(backend, rng):
    stored = StoredSequences(rng, kv_lens=[40, 40], num_new=[40, 40])
    k, v, q = randn(rng, 80, 1, 64), randn(rng, 80, 1, 64), randn(rng, 80, 3, 64)
    clean = attention_of(backend, stored, q, k, v, stored.step)
    k[20], v[20] = np.nan, np.nan
    poisoned = attention_of(backend, stored, q, k, v, stored.step)
    assert np.isnan(poisoned[20:40]).all()
    assert_same_bits(poisoned[:20], clean[:20])
    assert_same_bits(poisoned[40:], clean[40:])


def test_a_forked_child_computes_too(backend, rng):
    x, weight = randn(rng, 33, 64), plain_weight(backend, randn(rng, 400, 64))
    expected = backend.quant_matmul(x, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks beside threads
        child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(backend.quant_matmul(x, weight), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert_same_bits(backend.quant_matmul(x, weight), expected)


def test_threads_may_share_a_backend(backend, rng):
    x, weight = randn(rng, 4, 64), plain_weight(backend, randn(rng, 400, 64))
    expected, results = backend.quant_matmul(x, weight), []

    def work():
        results.extend(backend.quant_matmul(x, weight) for _ in range(50))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 200 and all(np.array_equal(result, expected) for result in results)


def test_an_idle_pool_sleeps(rng):
    backend = CpuBackend(3)
    backend.quant_matmul(randn(rng, 33, 64), plain_weight(backend, randn(rng, 400, 64)))
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - before < 0.1  # two spinning workers would take up to 0.4


def test_the_caller_keeps_its_denormals(backend):
    backend.add(np.ones(4, np.float32), np.ones(4, np.float32))
    tiny = np.array([1e-40], np.float32)
    assert (tiny * np.float32(0.5))[0] > 0


def test_denormals_count_as_zero_in_every_thread(rng):
    backend = CpuBackend(3)
    tiny = np.full((1, 16), 1e-39, np.float32)
    weight = plain_weight(backend, np.full((400, 16), 1e-3, np.float32))
    assert not backend.quant_matmul(tiny, weight).any()


@pytest.mark.parametrize(
    ("buffer", "error", "message"),
    [
        (np.ones((2, 3)), TypeError, "x must be a float32 numpy array, got float64 array"),
        ([[1.0, 2.0, 3.0]], TypeError, "got list"),
        (np.ones((3, 2), np.float32).T, ValueError, "x must be C-contiguous"),
    ],
)
def test_foreign_buffers_are_refused(backend, buffer, error, message):
    with pytest.raises(error, match=message):
        backend.quant_matmul(buffer, plain_weight(backend, np.ones((4, 3))))


def test_weights_may_be_read_only_views_at_any_address(backend, rng):
    data = random_blocks(rng, "Q4_K", (3, 256)).reshape(-1)
    shifted = np.concatenate([np.zeros(1, np.uint8), data])[1:]
    shifted.setflags(write=False)
    x = randn(rng, 2, 256)
    first, second = (backend.quant_matmul(x, backend.load_weight(d, "Q4_K", (3, 256))) for d in (data, shifted))
    assert_same_bits(first, second)


def test_an_unknown_instruction_set_names_those_there_are():
    with pytest.raises(ValueError, match=r"'mmx'.*portable"):
        CpuBackend(1, "mmx")


def test_the_formats_are_those_of_quant(backend):
    from runtime.kernels.cpu import _cpu

    assert {name: (size, num_bytes) for name, size, num_bytes in _cpu.formats()} == {
        name: (format.block_size, format.block_bytes) for name, format in FORMATS.items()
    }


def test_the_backend_loads_without_torch():
    code = """
import sys
from runtime.kernels.registry import get_backend
get_backend("cpu")
sys.exit("torch" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
