"""Generations of a model of random weights under constraints of every kind: all are valid; what is not is told."""

from dataclasses import replace

import pytest

from eval.tasks.constrained_cases import cases
from eval.tasks.valid_output import figures_of, generations
from runtime import Engine, Model, load_model
from tests.helpers.tiny_model import write_tiny_model

CASES = cases()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("random") / "random.gguf"
    return load_model(write_tiny_model(path, metadata={"llama.context_length": 1024}), num_threads=1)


def test_random_weights_write_what_parses_and_validates(model: Model) -> None:
    with Engine(model) as engine:
        made = list(generations(engine, range(2 * len(CASES)), temperature=1.5))
    figures = figures_of(made, seconds=1.0)
    assert (figures["valid"], figures["wrong"]) == (2 * len(CASES), [])
    assert set(figures["cases"].values()) == {2}
    assert figures["at_the_limit"] > 0


@pytest.mark.slow
def test_500_generations_of_random_weights_are_all_valid(model: Model) -> None:
    with Engine(model) as engine:
        assert figures_of(list(generations(engine, range(500), temperature=1.5)), seconds=1.0)["wrong"] == []


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_what_breaks_its_constraint_or_its_limit_is_not_valid(model: Model, number: int) -> None:
    with Engine(model) as engine:
        (made,) = generations(engine, range(number, number + 1), temperature=1.5)
    assert made.is_valid()
    for wrong in ("", "\x00"):
        assert not replace(made, result=replace(made.result, text=wrong)).is_valid()
    assert not replace(made, limit=made.result.completion_tokens - 1).is_valid()
