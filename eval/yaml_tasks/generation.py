"""How an answer is written: `generation_kwargs`, in lm-eval's words.

Source: lm-evaluation-harness 0.4.13, `normalize_gen_kwargs` and `default_gen_kwargs`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from appkit import GenerationSettings
from eval.yaml_tasks.fields import Fields

DEFAULT_MAX_TOKENS = 256
MAX_TOKENS = 1 << 20
MAX_STOPS = 16
MAX_STOP_BYTES = 256
_MAX_TOKENS_NAMES = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")
_RANGES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"temperature": (0, 100), "top_p": (1e-6, 1), "min_p": (0, 1), "repetition_penalty": (0.01, 100)}
)


@dataclass(frozen=True, kw_only=True)
class Generation:
    """Settings of every answer of a task."""

    until: tuple[str, ...]
    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float = 0.0
    options: Mapping[str, float] = field(default_factory=dict)  # top_p, top_k, min_p, repetition_penalty, where given

    @property
    def is_greedy(self) -> bool:
        return self.temperature == 0

    def settings(self, seed: int, *, is_local: bool) -> GenerationSettings:
        """For a model. A model of our own must not add what it was tested with, a penalty say: lm-eval adds none."""
        chosen: dict[str, Any] = dict(self.options)
        if is_local:
            neutral = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
            neutral |= {"top_p": 1.0, "top_k": 0, "min_p": 0.0}
            chosen = neutral | chosen
        return GenerationSettings(
            temperature=self.temperature,
            seed=None if self.is_greedy else seed,
            max_tokens=self.max_tokens,
            stop=self.until,
            logprobs=0 if is_local else None,
            **chosen,
        )

    def as_json(self) -> dict[str, Any]:
        """As it stands in a run's file."""
        return {
            "until": list(self.until),
            "max_gen_toks": self.max_tokens,
            "temperature": self.temperature,
            **self.options,
        }


def read_generation(owner: Fields, fewshot_delimiter: str) -> tuple[Generation, int | None]:
    """`generation_kwargs`, and the seed that they name. Raises EvaluationError for what cannot be."""
    given = owner.get("generation_kwargs")
    if given is None:
        return Generation(until=(fewshot_delimiter,) if fewshot_delimiter else ()), None
    if not isinstance(given, Fields):
        raise owner.error("generation_kwargs", "must be lines of 'name: value'.")
    given.check_keys(("until", "do_sample", "top_k", "seed", *_RANGES, *_MAX_TOKENS_NAMES))
    options = {name: value for name in _RANGES if (value := _number(given, name)) is not None}
    top_k = given.whole("top_k", least=0, most=1 << 30)
    if top_k is not None:
        options["top_k"] = top_k
    temperature = _temperature(given, options.pop("temperature", None))
    until = given.get("until", [fewshot_delimiter])
    generation = Generation(
        until=_stops(given, [until] if isinstance(until, str) else until),
        max_tokens=_max_tokens(given),
        temperature=temperature,
        options=MappingProxyType(options),
    )
    return generation, given.whole("seed", least=0, most=(1 << 63) - 1)


def cut_at_stops(text: str, stops: Sequence[str]) -> str:
    """`text` before the first stop text in it; a model that stops there itself leaves nothing to cut."""
    for stop in stops:
        text = text.partition(stop)[0]
    return text


def sample_seed(seed: int, doc_id: int, num_try: int) -> int:
    """A seed of its own for each answer, whatever was asked before it; below 2⁶³."""
    digest = hashlib.sha256(f"{seed} {doc_id} {num_try}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _number(given: Fields, key: str) -> float | None:
    value, (low, high) = given.get(key), _RANGES[key]
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
        raise given.error(key, f"is {value!r}; give a number from {low:g} to {high:g}.")
    return float(value)


def _temperature(given: Fields, temperature: float | None) -> float:
    does_sample = given.get("do_sample")
    if does_sample is None:
        return temperature or 0.0
    if not isinstance(does_sample, bool):
        raise given.error("do_sample", f"is {does_sample!r}; write true or false.")
    if does_sample and not temperature:
        raise given.error("do_sample", "is true, which needs a temperature above 0; give one, or write false.")
    if not does_sample and temperature:
        raise given.error("do_sample", f"is false and temperature is {temperature:g}; write do_sample: true to sample.")
    return temperature or 0.0


def _max_tokens(given: Fields) -> int:
    names = [name for name in _MAX_TOKENS_NAMES if given.get(name) is not None]
    if len(names) > 1:
        raise given.error(names[1], f"says the same as {names[0]}; keep one.")
    if not names:
        return DEFAULT_MAX_TOKENS
    return given.whole(names[0], least=1, most=MAX_TOKENS) or DEFAULT_MAX_TOKENS


def _stops(given: Fields, until: Any) -> tuple[str, ...]:
    if until is None:
        return ()
    if not isinstance(until, list) or len(until) > MAX_STOPS:
        raise given.error("until", f"must be a text or a list of at most {MAX_STOPS} texts.")
    for stop in until:
        if not isinstance(stop, str) or not 1 <= len(stop.encode()) <= MAX_STOP_BYTES:
            raise given.error("until", f"holds {stop!r}; a stop text has 1 to {MAX_STOP_BYTES} bytes (quote numbers).")
    return tuple(until)
