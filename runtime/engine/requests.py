"""What goes into the engine and what comes out of it."""

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from runtime.grammar.base import Constraint
from runtime.layers.adapter import AdapterWeights
from runtime.sampling.logprobs import TokenLogprobs
from runtime.sampling.params import SamplingParams

FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One completion to make. `prompt_ids` are the exact ids; nothing is added to them."""

    prompt_ids: tuple[int, ...]
    params: SamplingParams = field(default_factory=SamplingParams)
    constraint: Constraint | None = None
    adapter: AdapterWeights | None = None
    timeout_s: float | None = None  # from submission; past it the request ends with a TimeoutError

    def __post_init__(self) -> None:
        object.__setattr__(self, "prompt_ids", token_ids("prompt_ids", self.prompt_ids))
        if not self.prompt_ids:
            raise ValueError("prompt_ids is empty; give at least one token, such as the model's start token.")
        if self.timeout_s is not None and not 0 < self.timeout_s < math.inf:
            raise ValueError(f"timeout_s is {self.timeout_s}; it must be a positive number of seconds, or None.")


def token_ids(name: str, ids: Iterable[int]) -> tuple[int, ...]:
    """Whole numbers as plain ints, from any sequence or array. TypeError, with `name`, for text or fractions."""
    if isinstance(ids, str | bytes):
        raise TypeError(f"{name} is text; give token ids: tokenizer.encode(text).")
    try:
        return tuple(operator.index(token_id) for token_id in ids)
    except TypeError as error:
        raise TypeError(f"{name} must hold token ids, which are whole numbers: {error}.") from error


@dataclass(frozen=True)
class Piece:
    """What one step added: usually one token, its text once it is whole characters."""

    token_ids: tuple[int, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Seconds and rates of one request. Rates are 0 where nothing was computed."""

    ttft_s: float  # submission to first token
    prefill_tok_s: float
    decode_tok_s: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """A finished request."""

    token_ids: tuple[int, ...]  # as generated, the ending token included where there was one
    text: str  # without stop text and special tokens
    finish_reason: FinishReason
    prompt_tokens: int
    cached_tokens: int  # of the prompt, found in the KV cache
    completion_tokens: int
    forced_tokens: int  # of these, left no choice about by the constraint and not asked of the model one by one
    is_closed_early: bool  # its limit was near, so the constraint ended it: whole, but perhaps shorter than meant
    timings: Timings
    logprobs: tuple[TokenLogprobs, ...] | None = None  # one a token when asked for
