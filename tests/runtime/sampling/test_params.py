"""Parameters check themselves when made."""

from typing import Any

import pytest

from runtime.sampling.params import SamplingParams

BOUNDS: list[tuple[str, Any, Any]] = [
    ("temperature", 0, 100),
    ("top_k", 0, 10**9),
    ("top_p", 1e-9, 1),
    ("min_p", 0, 1),
    ("typical_p", 1e-9, 1),
    ("dynamic_temperature", 0, 100),
    ("dry_multiplier", 0, 100),
    ("dry_base", 1, 100),
    ("repetition_penalty", 0.01, 100),
    ("presence_penalty", -2, 2),
    ("frequency_penalty", -2, 2),
    ("seed", 0, 2**64 - 1),
    ("max_tokens", 1, 10**9),
    ("logprobs", 0, 20),
]


@pytest.mark.parametrize(("name", "low", "high"), BOUNDS)
def test_values_at_the_bounds_are_taken(name: str, low: Any, high: Any) -> None:
    for value in (low, high):
        assert getattr(SamplingParams(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", 100.1),
        ("top_k", -1),
        ("top_p", 0),
        ("top_p", 1.01),
        ("min_p", -0.01),
        ("typical_p", 0),
        ("dry_allowed_length", 0),
        ("no_repeat_ngram", -1),
        ("min_p", 1.01),
        ("repetition_penalty", 0),
        ("presence_penalty", 2.1),
        ("frequency_penalty", -2.1),
        ("seed", -1),
        ("seed", 2**64),
        ("max_tokens", 0),
        ("logprobs", 21),
        ("logprobs", -1),
        ("stop", ("",)),
        ("stop", ("x" * 257,)),
        ("stop", ("x",) * 17),
        ("logit_bias", {-1: 1.0}),
        ("logit_bias", {1: float("nan")}),
        ("logit_bias", {1: float("inf")}),
        ("logit_bias", dict.fromkeys(range(1025), 1.0)),
    ],
)
def test_values_out_of_bounds_are_named(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        SamplingParams(**{name: value})


@pytest.mark.parametrize("name", ["temperature", "top_p", "min_p", "presence_penalty", "repetition_penalty"])
def test_nan_is_no_number(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        SamplingParams(**{name: float("nan")})


def test_a_single_stop_text_must_be_a_tuple() -> None:
    with pytest.raises(TypeError, match=r"give a tuple"):
        SamplingParams(stop="end")  # type: ignore[arg-type]


def test_an_unknown_parameter_is_an_error() -> None:
    with pytest.raises(TypeError, match="beam_width"):
        SamplingParams(beam_width=4)  # type: ignore[call-arg]
