"""Counter-based random numbers."""

import numpy as np
import pytest

from runtime.sampling.random import philox4x32, uniform

# Known answers of philox4x32-10 from Random123, the authors' own library (examples/kat_vectors).
KNOWN = [
    ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_gives_the_known_answers(
    counter: tuple[int, int, int, int], key: tuple[int, int], expected: tuple[int, int, int, int]
) -> None:
    assert philox4x32(counter, key) == expected


def test_uniform_takes_the_first_53_bits() -> None:
    assert uniform(0, 0) == ((0x6627E8D5 << 32 | 0xE169C58D) >> 11) / 2**53


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
def test_numbers_are_spread_evenly(seed: int) -> None:
    drawn = np.array([uniform(seed, position) for position in range(20_000)])
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    chi_squared = ((counts - 1000) ** 2 / 1000).sum()
    assert chi_squared < 43.8  # 19 degrees of freedom: 1 in 1,000 seeds would pass it


def test_seeds_and_positions_are_all_told_apart() -> None:
    places = [0, 1, 2, 2**32, 2**32 + 1, 2**40, 2**63]
    assert len({uniform(seed, position) for seed in places for position in places}) == len(places) ** 2
