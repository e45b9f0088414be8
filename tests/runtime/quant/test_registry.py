"""runtime/quant/registry.py: every format against the gguf package, whose numpy code is the oracle."""

import numpy as np
import pytest

from runtime.quant import FORMATS, GGML_TYPE_NAMES, QUANTIZABLE, dequantize, format_of_type, ggml_type_name, quantize
from tests.helpers.random_blocks import random_blocks

WITHOUT_DEQUANTIZER = {"Q8_K"}  # of the gguf package; its test is worked out by hand in test_q8_k.py
WITHOUT_QUANTIZER = {"Q4_K", "Q6_K"}  # likewise
SAME_AS_GGUF = [name for name in FORMATS if name not in WITHOUT_DEQUANTIZER]
QUANTIZED_AS_GGUF = [name for name in QUANTIZABLE if name not in WITHOUT_QUANTIZER]


def as_bits(weights: np.ndarray) -> np.ndarray:
    return weights.view(np.uint32)  # so that NaN equals NaN and 0 differs from −0


@pytest.fixture
def gguf():
    return pytest.importorskip("gguf")


def test_all_formats_that_models_are_published_in_are_there():
    names = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K Q8_K IQ4_NL IQ4_XS"
    assert set(FORMATS) == set(names.split())


@pytest.mark.parametrize("name", FORMATS)
def test_format_has_the_id_and_sizes_that_gguf_files_use(gguf, name):
    type_id = gguf.GGMLQuantizationType[name]
    stored = FORMATS[name]
    assert (stored.name, stored.type_id) == (name, type_id)
    assert (stored.block_size, stored.block_bytes) == gguf.GGML_QUANT_SIZES[type_id]


def test_names_of_all_types_agree_with_gguf(gguf):
    assert {t.value: t.name for t in gguf.GGMLQuantizationType}.items() <= GGML_TYPE_NAMES.items()


def test_type_names_cover_what_this_build_does_not_read():
    assert [ggml_type_name(type_id) for type_id in (16, 34, 39, 41, 77)] == [
        "IQ2_XXS",
        "TQ1_0",
        "MXFP4",
        "Q1_0",
        "type 77",
    ]


def test_format_of_type_finds_a_format_and_nothing_for_others():
    assert format_of_type(12) is FORMATS["Q4_K"]
    assert format_of_type(16) is None
    assert format_of_type(77) is None


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning", "ignore:overflow:RuntimeWarning")  # of the oracle
@pytest.mark.parametrize("name", SAME_AS_GGUF)
def test_dequantize_gives_the_bits_of_gguf_on_any_bytes(gguf, name, rng):
    data = rng.integers(0, 256, (40, FORMATS[name].row_bytes(1024)), dtype=np.uint8)  # some scales are NaN or infinite
    expected = gguf.dequantize(data, gguf.GGMLQuantizationType[name])
    assert np.array_equal(as_bits(dequantize(data, name, (40, 1024))), as_bits(expected.reshape(40, 1024)))


@pytest.mark.parametrize("name", FORMATS)
def test_dequantize_gives_finite_weights_from_finite_scales(name, rng):
    weights = dequantize(random_blocks(rng, name, (3, 512)), name, (3, 512))
    assert weights.dtype == np.float32
    assert np.isfinite(weights).all()


@pytest.mark.parametrize("name", QUANTIZED_AS_GGUF)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_quantize_gives_the_bytes_of_gguf(gguf, name, scale, rng):
    weights = rng.standard_normal((20, 256), dtype=np.float32) * np.float32(scale)
    weights[0], weights[1], weights[2, :32] = 0, 0.5, -3  # all zero, all equal, one block all equal
    expected = np.ascontiguousarray(gguf.quantize(weights, gguf.GGMLQuantizationType[name])).view(np.uint8)
    assert np.array_equal(quantize(weights, name), expected.reshape(20, -1))


@pytest.mark.parametrize("name", QUANTIZED_AS_GGUF)
def test_quantize_rounds_halves_as_gguf_does(gguf, name):
    weights = np.tile(np.arange(-16, 16, dtype=np.float32) * 0.5, (2, 8))
    expected = np.ascontiguousarray(gguf.quantize(weights, gguf.GGMLQuantizationType[name])).view(np.uint8)
    assert np.array_equal(quantize(weights, name), expected.reshape(2, -1))


@pytest.mark.parametrize("name", QUANTIZABLE)
def test_quantize_then_dequantize_keeps_zeros_exact(name):
    assert not dequantize(quantize(np.zeros((2, 256), np.float32), name), name, (2, 256)).any()


@pytest.mark.parametrize("name", QUANTIZABLE)
def test_quantize_survives_weights_too_small_for_a_float16_scale(name):
    weights = np.full((1, 256), 1e-40, np.float32)
    assert np.abs(dequantize(quantize(weights, name), name, weights.shape)).max() <= 1e-7


@pytest.mark.parametrize("name", FORMATS)
def test_many_dimensions_are_rows_one_after_the_other(name, rng):
    data = random_blocks(rng, name, (2, 3, 256))
    together = dequantize(data, name, (2, 3, 256))
    assert np.array_equal(together[1, 2], dequantize(data[1, 2], name, (256,)))


def test_long_arrays_give_what_short_ones_do(rng):
    data = random_blocks(rng, "Q4_K", (300, 512))  # several steps of the conversion
    rows = [dequantize(row, "Q4_K", (512,)) for row in data]
    assert np.array_equal(dequantize(data, "Q4_K", (300, 512)), np.stack(rows))


def test_dequantize_takes_data_that_is_not_contiguous(rng):
    data = random_blocks(rng, "Q8_0", (4, 64))
    assert np.array_equal(dequantize(data[::2], "Q8_0", (2, 64)), dequantize(data, "Q8_0", (4, 64))[::2])


@pytest.mark.parametrize(
    ("data", "name", "shape", "message"),
    [
        (np.zeros(18, np.uint8), "Q4_9", (32,), "'Q4_9' is not a weight format; there are F32, F16"),
        (np.zeros(18, np.uint8), "Q4_0", (33,), "A row of 33 weights cannot be stored as Q4_0: its blocks hold 32"),
        (np.zeros(18, np.uint8), "Q4_0", (2, 32), r"Q4_0 weights of shape \(2, 32\) take 36 bytes, got 18"),
        (np.zeros(18, np.int8), "Q4_0", (32,), "Stored weights are uint8, got int8"),
        (np.zeros(0, np.uint8), "Q4_0", (), r"one or more dimensions, each positive; got shape \(\)"),
        (np.zeros(0, np.uint8), "Q4_0", (0, 32), r"got shape \(0, 32\)"),
    ],
)
def test_dequantize_says_what_does_not_fit(data, name, shape, message):
    with pytest.raises(ValueError, match=message):
        dequantize(data, name, shape)


@pytest.mark.parametrize(
    ("weights", "name", "message"),
    [
        (np.zeros(256, np.float32), "IQ4_XS", "IQ4_XS can be read but not written; F32, F16, BF16"),
        (np.zeros((2, 40), np.float32), "Q8_0", "A row of 40 weights cannot be stored as Q8_0"),
        (np.full(32, np.nan, np.float32), "Q8_0", "NaN or infinite cannot be stored as Q8_0; use F32, F16 or BF16"),
        (np.full(32, 1e30, np.float32), "Q4_1", r"too large for Q4_1: a scale of 1e\+30 is beyond float16's 65504"),
    ],
)
def test_quantize_says_what_does_not_fit(weights, name, message):
    with pytest.raises(ValueError, match=message):
        quantize(weights, name)
