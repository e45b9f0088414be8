"""The encoder keeps packed sequences apart and refuses what it cannot place."""

import numpy as np
import pytest

from runtime.errors import SequenceTooLongError
from runtime.kernels.registry import available_backends
from tests.helpers.decoding import load_encoder
from tests.helpers.tiny_model import CONTEXT_LEN, HIDDEN, write_tiny_model

BACKENDS = available_backends("packed_attention")


@pytest.fixture(params=BACKENDS)
def encoder(request, tmp_path):
    return load_encoder(write_tiny_model(tmp_path / "tiny.gguf", "bert"), request.param)


def test_a_batch_equals_its_texts_alone(encoder, rng):
    texts = [rng.integers(0, 60, length).astype(np.int32) for length in (19, 1, 40)]
    together = encoder.forward(np.concatenate(texts), np.array([0, 19, 20, 60], np.int32))
    alone = np.concatenate([encoder.forward(ids, np.array([0, len(ids)], np.int32)) for ids in texts])
    assert together.shape == (60, HIDDEN)
    np.testing.assert_allclose(together, alone, rtol=0, atol=0 if encoder.backend.name == "cpu" else 1e-5)


def test_every_token_sees_what_follows_it(encoder):
    first = encoder.forward(np.array([2, 7, 9], np.int32), np.array([0, 3], np.int32))
    second = encoder.forward(np.array([2, 7, 8], np.int32), np.array([0, 3], np.int32))
    assert np.abs(first[0] - second[0]).max() > 1e-2


def test_a_text_past_the_last_position_is_refused_with_both_numbers(encoder):
    ids = np.zeros(CONTEXT_LEN + 1, np.int32)
    with pytest.raises(SequenceTooLongError, match=r"513 tokens .* 512 positions"):
        encoder.forward(ids, np.array([0, len(ids)], np.int32))


@pytest.mark.parametrize("cu_seqlens", [[0], [0, 3], [1, 4], [0, 4, 4], [0, 5, 4]])
def test_starts_that_do_not_divide_the_ids_are_refused(encoder, cu_seqlens):
    with pytest.raises(ValueError, match="must rise from 0 to 4"):
        encoder.forward(np.zeros(4, np.int32), np.array(cu_seqlens, np.int32))
