"""runtime/quant/packing.py and k_scales.py: packing undoes unpacking."""

import numpy as np
import pytest

from runtime.quant.k_scales import pack_scales, unpack_scales
from runtime.quant.packing import pack_planes, unpack_planes


def test_unpack_planes_puts_low_bits_first():
    assert unpack_planes(np.array([0x21, 0x43], np.uint8), 4).tolist() == [[1, 3], [2, 4]]
    assert unpack_planes(np.array([0b11100100], np.uint8), 2).tolist() == [[0], [1], [2], [3]]


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_pack_planes_undoes_unpack_planes(bits, rng):
    packed = rng.integers(0, 256, (3, 8), dtype=np.uint8)
    assert np.array_equal(pack_planes(unpack_planes(packed, bits), bits), packed)


def test_pack_scales_undoes_unpack_scales(rng):
    packed = rng.integers(0, 256, (50, 12), dtype=np.uint8)
    assert np.array_equal(pack_scales(*unpack_scales(packed)), packed)


def test_unpack_scales_reads_six_bits_each(rng):
    scales, minimums = (rng.integers(0, 64, (50, 8), dtype=np.uint8) for _ in range(2))
    unpacked = unpack_scales(pack_scales(scales, minimums))
    assert np.array_equal(unpacked[0], scales)
    assert np.array_equal(unpacked[1], minimums)
