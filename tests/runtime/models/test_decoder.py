"""What a decoder promises about its own steps: company, step sizes and cached pages change nothing."""

import numpy as np
import pytest

from runtime.errors import SequenceTooLongError
from runtime.kernels.ops import PageTable
from runtime.kernels.registry import available_backends
from tests.helpers.decoding import load_decoder, logits_in_steps, new_pool, one_sequence
from tests.helpers.tiny_model import CONTEXT_LEN, DECODERS, write_tiny_model

BACKENDS = available_backends("quant_matmul")
LENGTHS = (33, 7, 1, 20)  # of the four sequences of a batch


@pytest.fixture(params=DECODERS)
def path(request, tmp_path):
    return write_tiny_model(tmp_path / "tiny.gguf", request.param, format="Q8_0")


@pytest.fixture
def sequences(rng):
    return [rng.integers(0, 288, length).astype(np.int32) for length in LENGTHS]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_of_four_equals_four_batches_of_one(backend, path, sequences):
    decoder = load_decoder(path, backend)
    together = batch_logits(decoder, sequences)
    apart = np.concatenate([logits_in_steps(decoder, ids, [len(ids)], dtype="f16") for ids in sequences])
    assert_same(backend, together, apart)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_prefill_equals_one_token_at_a_time(backend, path, sequences):
    decoder = load_decoder(path, backend)
    for ids in sequences:
        at_once = logits_in_steps(decoder, ids, [len(ids)], dtype="f16")
        assert_same(backend, at_once, logits_in_steps(decoder, ids, [1] * len(ids), dtype="f16"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_reused_pages_equal_recomputed_ones(backend, path, rng):
    """Two sequences share the two pages of a common prefix; each equals its own run from scratch."""
    decoder = load_decoder(path, backend)
    prefix, tails = rng.integers(0, 288, 32), [rng.integers(0, 288, 9), rng.integers(0, 288, 9)]
    pool = new_pool(decoder, 32 + 2 * 16, "f16")
    decoder.forward(prefix.astype(np.int32), one_sequence(0, 32), pool, np.empty(0, np.int32))
    pages = PageTable(
        page_ids=np.array([[1, 2, 3], [1, 2, 4]], np.int32),
        query_starts=np.array([0, 9, 18], np.int32),
        kv_lens=np.array([41, 41], np.int32),
    )
    ids = np.concatenate(tails).astype(np.int32)
    shared = decoder.forward(ids, pages, pool, np.arange(18, dtype=np.int32))
    scratch = [logits_in_steps(decoder, np.concatenate([prefix, tail]), [41], dtype="f16")[32:] for tail in tails]
    assert_same(backend, shared, np.concatenate(scratch))


@pytest.mark.parametrize("backend", BACKENDS)
def test_only_the_rows_asked_for_come_back(backend, path, sequences):
    decoder = load_decoder(path, backend)
    ids = sequences[0]
    pool = new_pool(decoder, len(ids))
    some = decoder.forward(ids, one_sequence(0, len(ids)), pool, np.array([32, 5], np.int32))
    everything = logits_in_steps(decoder, ids, [len(ids)])
    assert_same(backend, some, everything[[32, 5]])


@pytest.fixture
def decoder(tmp_path):
    return load_decoder(write_tiny_model(tmp_path / "tiny.gguf"), BACKENDS[0])


def test_a_sequence_past_the_context_is_refused_with_both_numbers(decoder):
    ids = np.zeros(CONTEXT_LEN + 1, np.int32)
    with pytest.raises(SequenceTooLongError, match=r"513 tokens .* context of 512") as caught:
        decoder.forward(ids, one_sequence(0, len(ids)), new_pool(decoder, len(ids)), np.empty(0, np.int32))
    assert (caught.value.num_tokens, caught.value.limit) == (513, 512)


def test_ids_that_do_not_match_the_page_table_are_refused(decoder):
    with pytest.raises(ValueError, match="3 token ids does not match its page table, which places 4"):
        decoder.forward(np.zeros(3, np.int32), one_sequence(0, 4), new_pool(decoder, 4), np.zeros(1, np.int32))


def test_an_empty_step_is_refused(decoder):
    with pytest.raises(ValueError, match="at least one"):
        decoder.forward(np.empty(0, np.int32), one_sequence(0, 0), new_pool(decoder, 4), np.empty(0, np.int32))


@pytest.mark.parametrize("row", [-1, 4])
def test_a_logit_row_outside_the_step_is_refused(decoder, row):
    with pytest.raises(ValueError, match="rows 0 to 3"):
        decoder.forward(np.zeros(4, np.int32), one_sequence(0, 4), new_pool(decoder, 4), np.array([row], np.int32))


@pytest.mark.parametrize("token_id", [-1, 288])
def test_an_id_outside_the_vocabulary_is_refused(decoder, token_id):
    with pytest.raises(ValueError, match=str(token_id)):
        logits_in_steps(decoder, [3, token_id], [2])


def batch_logits(decoder, sequences: list[np.ndarray]) -> np.ndarray:
    """All sequences in one step, each on pages of its own, the pages in no particular order."""
    num_pages = [-(-len(ids) // 16) for ids in sequences]
    order = np.random.default_rng(1).permutation(sum(num_pages)) + 1
    page_ids = np.zeros((len(sequences), max(num_pages)), np.int32)
    for b, (first, count) in enumerate(zip(np.cumsum([0, *num_pages]), num_pages, strict=False)):
        page_ids[b, :count] = order[first : first + count]
    lengths = np.array([len(ids) for ids in sequences], np.int32)
    pages = PageTable(page_ids, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32), lengths)
    pool = new_pool(decoder, 16 * sum(num_pages), "f16")
    return decoder.forward(np.concatenate(sequences), pages, pool, np.arange(lengths.sum(), dtype=np.int32))


def assert_same(backend: str, ours: np.ndarray, expected: np.ndarray) -> None:
    """Bit for bit on `cpu`; the reference sums in whatever order torch likes, and may round another key to float16."""
    if backend == "cpu":
        np.testing.assert_array_equal(ours, expected)
    else:
        np.testing.assert_allclose(ours, expected, rtol=0, atol=5e-3)
