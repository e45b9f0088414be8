"""What a prompt may set is what `GenerationSettings` takes and the sampler accepts."""

from dataclasses import fields
from typing import Any

import pytest

from appkit import GenerationSettings, TemplateError
from appkit.templates import Prompt
from appkit.templates.options import NAMES
from runtime.sampling.params import SamplingParams


def options(text: str) -> Any:
    return Prompt.from_text(f"---\noptions: {text}\n---\n").options


def test_names_are_those_of_the_settings() -> None:
    assert sorted(NAMES) == sorted(each.name for each in fields(GenerationSettings))


def test_options_make_settings() -> None:
    given = options('{temperature: 0, top_k: 5, stop: ["\\n", "。"], ignore_eos: true, logit_bias: {42: -5}, seed: 7}')
    assert GenerationSettings(**given) == GenerationSettings(
        temperature=0, top_k=5, stop=("\n", "。"), ignore_eos=True, logit_bias={42: -5}, seed=7
    )


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("temperature", [-0.1, 0, 0.7, 100, 100.5]),
        ("top_p", [-1, 0, 1e-12, 1, 1.01]),
        ("min_p", [-0.1, 0, 1, 1.1]),
        ("repetition_penalty", [0, 0.01, 100, 101]),
        ("presence_penalty", [-2.1, -2, 2, 2.1]),
        ("frequency_penalty", [-2.1, -2, 2, 2.1]),
        ("top_k", [-1, 0, 40]),
        ("seed", [-1, 0, 2**64 - 1, 2**64]),
        ("max_tokens", [0, 1]),
        ("logprobs", [-1, 0, 20, 21]),
        ("stop", [[], ["a"] * 16, ["a"] * 17, [""], ["x" * 256], ["x" * 257]]),
        ("logit_bias", [{}, {0: 1.5}, {-1: 1.0}]),
    ],
)
def test_ranges_are_those_of_the_sampler(name: str, values: list[Any]) -> None:
    for value in values:
        try:
            SamplingParams(**{name: tuple(value) if name == "stop" else value})
            is_accepted = True
        except ValueError:
            is_accepted = False
        text = str(value).replace("'", '"')
        if is_accepted:
            assert name in options(f"{{{name}: {text}}}")
        else:
            with pytest.raises(TemplateError, match=f"line 2.*the option {name} is"):
                options(f"{{{name}: {text}}}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{temprature: 0}", "no option 'temprature'; there are temperature"),
        ("{temperature: true}", "give a number"),
        ("{temperature: null}", "give a number"),
        ("{max_tokens: 1.5}", "whole number"),
        ("{stop: abc}", "list of up to"),
        ("{ignore_eos: 1}", "true or false"),
        ("{logit_bias: {a: 1}}", "token ids"),
    ],
)
def test_a_wrong_option_is_named(text: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        options(text)
