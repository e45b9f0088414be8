"""A short seeded run of the sandbox fuzzer, and everything it ever found."""

import random
from pathlib import Path

import pytest

from tests.fuzz.fuzz_sandbox import Checker, mutated, seeds

FINDINGS = sorted(Path(__file__).with_name("findings_sandbox").glob("*.jinja"))


@pytest.mark.parametrize("seed", range(4))
def test_mutated_templates_give_text_or_a_sandbox_error(seed: int, tmp_path: Path) -> None:
    rng, checker, sources = random.Random(seed), Checker(tmp_path), seeds()
    for _ in range(150):
        checker.check(mutated(rng, sources))
    checker.sandbox.close()


def test_findings_stay_fixed(tmp_path: Path) -> None:
    checker = Checker(tmp_path)
    for finding in FINDINGS:
        checker.check(finding.read_text("utf-8"))
    checker.sandbox.close()
