"""The model options a prompt may set. Names and ranges are those of `GenerationSettings` and its sampler, which lie on
another side of the house; tests hold the two together."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from appkit.strict_yaml import Located
from appkit.templates.origin import Origin

_REAL: Mapping[str, tuple[float, float]] = {  # least and greatest
    "temperature": (0, 100),
    "top_p": (0, 1),
    "min_p": (0, 1),
    "typical_p": (0, 1),
    "dynamic_temperature": (0, 100),
    "repetition_penalty": (0.01, 100),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "dry_multiplier": (0, 100),
    "dry_base": (1, 100),
}
_WHOLE: Mapping[str, tuple[int, int]] = {
    "top_k": (0, 1 << 31),
    "no_repeat_ngram": (0, 1 << 31),
    "dry_allowed_length": (1, 1 << 31),
    "seed": (0, (1 << 64) - 1),
    "max_tokens": (1, 1 << 31),
    "logprobs": (0, 20),
}
NAMES = (*_REAL, *_WHOLE, "stop", "ignore_eos", "logit_bias")
MAX_STOPS, MAX_STOP_BYTES, MAX_BIASED_TOKENS = 16, 256, 1024


def read_options(origin: Origin, given: Located) -> Mapping[str, Any]:
    """What `options:` of the front matter sets, fit for `GenerationSettings(**options)`. Raises TemplateError."""
    for name, value in given.items():
        if name not in NAMES:
            raise origin.error(f"there is no option {name!r}; there are {', '.join(NAMES)}.", given.lines[name])
        if problem := _problem_with(name, value):
            raise origin.error(f"the option {name} is {value!r}; {problem}.", given.lines[name])
    options: dict[str, Any] = dict(given)
    if "stop" in options:
        options["stop"] = tuple(options["stop"])
    if "logit_bias" in options:
        options["logit_bias"] = dict(options["logit_bias"])
    return MappingProxyType(options)


def _problem_with(name: str, value: Any) -> str:
    """What is wrong with an option's value, as the end of a sentence; empty where nothing is."""
    if name in _REAL:
        low, high = _REAL[name]
        if name in ("top_p", "typical_p") and value == 0:
            return "that keeps no token; temperature 0 takes the likeliest"
        return "" if _is_number(value) and low <= value <= high else f"give a number from {low:g} to {high:g}"
    if name in _WHOLE:
        least, greatest = _WHOLE[name]
        is_whole = isinstance(value, int) and not isinstance(value, bool) and least <= value <= greatest
        return "" if is_whole else f"give a whole number from {least} to {greatest}"
    if name == "ignore_eos":
        return "" if isinstance(value, bool) else "give true or false"
    if name == "stop":
        return "" if _is_stop(value) else f"give a list of up to {MAX_STOPS} texts of 1 to {MAX_STOP_BYTES} bytes"
    return "" if _is_bias(value) else f"give up to {MAX_BIASED_TOKENS} token ids, a number for each, as in {{42: -5}}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_stop(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_STOPS
        and all(isinstance(text, str) and 0 < len(text.encode()) <= MAX_STOP_BYTES for text in value)
    )


def _is_bias(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and len(value) <= MAX_BIASED_TOKENS
        and all(isinstance(token_id, int) and token_id >= 0 and _is_number(bias) for token_id, bias in value.items())
    )
