"""What goes into the engine and what comes out of it."""

from dataclasses import dataclass, field
from typing import Literal

from runtime.grammar.base import Constraint
from runtime.layers.lora import LoraWeights
from runtime.sampling.params import SamplingParams

FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One completion to make. `prompt_ids` are the exact ids; nothing is added to them."""

    prompt_ids: tuple[int, ...]
    params: SamplingParams = field(default_factory=SamplingParams)
    constraint: Constraint | None = None
    adapter: LoraWeights | None = None
    timeout_s: float | None = None  # from submission; the result so far raises TimeoutError


@dataclass(frozen=True)
class TokenLogprobs:
    """Log-probabilities at one position, of the distribution before temperature and filters."""

    chosen: float
    top: tuple[tuple[int, float], ...]  # (token id, logprob), likeliest first


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
    timings: Timings
    logprobs: tuple[TokenLogprobs, ...] | None = None  # one a token when asked for
