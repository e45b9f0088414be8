"""A short, seeded run of the GGUF fuzz target: the seeds, then mutations of them."""

import sys

import pytest

from tests.fuzz.fuzz_gguf import check, mutate, seeds

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the target keeps its files in memory, as Linux can")


def test_the_reader_takes_the_sound_seeds_and_refuses_the_others():
    assert [check(seed) for seed in seeds()] == [True] * 7 + [False] * 2 + [True] * (len(seeds()) - 9)


def test_the_reader_survives_2000_mutations(rng):
    corpus = seeds()
    outcomes = []
    for i in range(2000):
        outcomes.append(check(mutate(corpus[i % len(corpus)], rng, corpus)))
    assert 100 < sum(outcomes) < 1900  # neither all noise nor all harmless
