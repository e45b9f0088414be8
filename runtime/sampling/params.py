"""What a caller may ask of the sampler, checked once when it is made."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_STOPS = 16
MAX_STOP_BYTES = 256
MAX_LOGPROBS = 20
MAX_BIASED_TOKENS = 1024


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How to choose tokens and when to stop. Raises ValueError for a value out of range.

    `temperature` 0 is greedy: every filter below it is then without effect, penalties, bias and mask are not.
    `seed` None draws a fresh one; a given seed makes the draw at each position the same on every run.
    """

    temperature: float = 1.0  # 0 ≤ t ≤ 100
    top_k: int = 0  # 0 keeps all
    top_p: float = 1.0  # 0 < p ≤ 1
    min_p: float = 0.0  # 0 ≤ p ≤ 1
    typical_p: float = 1.0  # 0 < p ≤ 1 (arXiv:2202.00666)
    dynamic_temperature: float = 0.0  # θ ≥ 0 of arXiv:2403.14541: colder where the model is sure; 0 is off
    repetition_penalty: float = 1.0  # > 0; 1 is none; over prompt and completion (arXiv:1909.05858)
    presence_penalty: float = 0.0  # −2 … 2, over the completion
    frequency_penalty: float = 0.0  # −2 … 2, over the completion
    no_repeat_ngram: int = 0  # no run of so many tokens comes twice in the completion; 0 is off
    dry_multiplier: float = 0.0  # ≥ 0: what lengthening a repeat costs (`sampling/repetition.py`); 0 is off, 0.8 usual
    dry_base: float = 1.75  # ≥ 1: how much more each further token of a repeat costs
    dry_allowed_length: int = 2  # ≥ 1: tokens of a repeat that cost `dry_multiplier` alone; shorter ones cost nothing
    logit_bias: Mapping[int, float] = field(default_factory=dict)  # token id → added to its logit
    seed: int | None = None  # 0 ≤ seed < 2⁶⁴
    max_tokens: int | None = None  # None: as many as the context holds
    stop: tuple[str, ...] = ()  # text that ends the answer; not part of it
    stop_token_ids: tuple[int, ...] = ()
    ignore_eos: bool = False
    logprobs: int | None = None  # None: none; n: the chosen token's and the n likeliest

    def __post_init__(self) -> None:
        self._check_range("temperature", self.temperature, 0, 100)
        self._check_range("top_p", self.top_p, 0, 1)
        if self.top_p == 0:
            raise ValueError("top_p is 0, which keeps nothing; use temperature=0 for the likeliest token.")
        self._check_range("min_p", self.min_p, 0, 1)
        self._check_range("typical_p", self.typical_p, 0, 1)
        if self.typical_p == 0:
            raise ValueError("typical_p is 0, which keeps nothing; 1 keeps all.")
        self._check_range("dynamic_temperature", self.dynamic_temperature, 0, 100)
        self._check_range("repetition_penalty", self.repetition_penalty, 0.01, 100)
        self._check_range("presence_penalty", self.presence_penalty, -2, 2)
        self._check_range("frequency_penalty", self.frequency_penalty, -2, 2)
        self._check_range("dry_multiplier", self.dry_multiplier, 0, 100)
        self._check_range("dry_base", self.dry_base, 1, 100)
        if self.dry_allowed_length < 1:
            raise ValueError(f"dry_allowed_length is {self.dry_allowed_length}; it counts tokens, 1 or more.")
        if self.no_repeat_ngram < 0:
            raise ValueError(f"no_repeat_ngram is {self.no_repeat_ngram}; it counts tokens, and 0 allows repeats.")
        if self.top_k < 0:
            raise ValueError(f"top_k is {self.top_k}; it counts tokens, and 0 keeps all.")
        if self.seed is not None and not 0 <= self.seed < 2**64:
            raise ValueError(f"seed is {self.seed}; it must lie in 0 … 2^64 − 1.")
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ValueError(f"max_tokens is {self.max_tokens}; ask for at least 1.")
        given_stop: object = self.stop  # callers without a type checker forget the comma
        if isinstance(given_stop, str):
            raise TypeError(f"stop is the text {self.stop!r}; give a tuple of texts: ({self.stop!r},).")
        if len(self.stop) > MAX_STOPS or any(not s or len(s.encode()) > MAX_STOP_BYTES for s in self.stop):
            raise ValueError(f"stop takes up to {MAX_STOPS} texts of 1 to {MAX_STOP_BYTES} bytes, got {self.stop!r}.")
        if self.logprobs is not None and not 0 <= self.logprobs <= MAX_LOGPROBS:
            raise ValueError(f"logprobs is {self.logprobs}; ask for 0 to {MAX_LOGPROBS}.")
        if len(self.logit_bias) > MAX_BIASED_TOKENS:
            raise ValueError(f"logit_bias names {len(self.logit_bias)} tokens; at most {MAX_BIASED_TOKENS}.")
        for token_id, bias in self.logit_bias.items():
            if token_id < 0 or math.isnan(bias) or bias == math.inf:
                raise ValueError(
                    f"logit_bias[{token_id}] is {bias}; ids are ≥ 0 and a bias is a number below infinity."
                )

    @staticmethod
    def _check_range(name: str, value: float, low: float, high: float) -> None:
        if not low <= value <= high:  # also false for NaN
            raise ValueError(f"{name} is {value}; it must lie in {low} … {high}.")
