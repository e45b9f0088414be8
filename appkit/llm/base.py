"""`LanguageModel`: the only door from the SDK to a model, local, remote or scripted.

A model declares what it can do; asking for more raises `CapabilityError` before any work. Every implementation passes
`tests/contracts/language_model.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, Self, cast

from appkit.messages import Constraint, Message, ToolCall, ToolChoice, ToolSpec

if TYPE_CHECKING:  # a tenth of a second that a command line without a model need not pay
    import numpy as np

# "token_count": `count_tokens` is exact; without it, it is an estimate, and whoever shows the number says so.
Capability = Literal["chat", "complete", "constraint", "score", "fork", "token_ids", "token_count", "tools", "logprobs"]
FinishReason = Literal["stop", "length", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """How to sample. None leaves a choice to the model's own tested settings."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    dynamic_temperature: float | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    no_repeat_ngram: int | None = None
    dry_multiplier: float | None = None
    dry_base: float | None = None
    dry_allowed_length: int | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    logprobs: int | None = None
    logit_bias: Mapping[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Ranges are checked where the values are used; a bare text would pass there, as its letters.
        if isinstance(cast(object, self.stop), str):
            raise TypeError(f"stop is the text {self.stop!r}; give a tuple of texts: ({self.stop!r},).")


DEFAULT_SETTINGS = GenerationSettings()


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one completion."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    forced_tokens: int = 0  # of these, left no choice about by a constraint, and so without a model step of their own
    is_estimate: bool = False  # a remote server did not say; whoever shows the numbers says so


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What a model answered."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    prompt_ids: tuple[int, ...] = ()  # empty where the model does not show ids
    token_ids: tuple[int, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[float, ...] | None = None  # of the chosen tokens
    timings: Mapping[str, float] = field(default_factory=dict)  # ttft_s, prefill_tok_s, decode_tok_s
    # Its limit was near, so a constraint ended it: whole, but perhaps shorter than meant. A local model tells.
    is_closed_early: bool = False


class CompletionStream(Protocol):
    """Pieces of text as they become certain; `result` afterwards. Usable as a context manager, which cancels."""

    def __iter__(self) -> Iterator[str]: ...

    def cancel(self) -> None:
        """Stop within a token; iteration ends and `result` holds what was made. Twice is harmless."""
        ...

    def result(self) -> Completion:
        """The whole completion; waits for it where iteration has not reached the end."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc: object) -> None: ...


class LanguageModel(Protocol):
    """A model that continues text and answers messages.

    To write one, derive from this class: `generate`, `chat` and the `with` block come from `stream` and `close`.
    """

    @property
    def name(self) -> str: ...

    @property
    def capabilities(self) -> frozenset[Capability]: ...

    @property
    def max_seq_len(self) -> int:
        """Tokens of prompt and answer together."""
        ...

    @property
    def has_own_tool_format(self) -> bool:
        """Whether it was made to call tools, rather than being shown a format that its template does not know."""
        return "tools" in self.capabilities

    def generate(
        self, prompt: str, settings: GenerationSettings = DEFAULT_SETTINGS, *, constraint: Constraint | None = None
    ) -> Completion:
        """Continue `prompt` as plain text: without chat template, after the start token where the model wants one."""
        return self.stream(prompt, settings, constraint=constraint).result()

    def stream(
        self,
        prompt: str | Sequence[Message],
        settings: GenerationSettings = DEFAULT_SETTINGS,
        *,
        tools: Sequence[ToolSpec] = (),
        tool_choice: ToolChoice = "auto",
        constraint: Constraint | None = None,
    ) -> CompletionStream:
        """The same as `generate` (for a str) or `chat` (for messages), piece by piece: the text, not the calls."""
        ...

    def chat(
        self,
        messages: Sequence[Message],
        settings: GenerationSettings = DEFAULT_SETTINGS,
        *,
        tools: Sequence[ToolSpec] = (),
        tool_choice: ToolChoice = "auto",
        constraint: Constraint | None = None,
    ) -> Completion:
        """The assistant's next message.

        With `tools` it calls some of them (`Completion.tool_calls`, each with an id) or answers: `tool_choice`
        "required" leaves it only the first, "none" only the second. `constraint` holds the answer, not the calls.

        A base model, which lacks the capability "chat", is asked as plain completion between role names, with a
        `ModelNotice` that says so. Raises CapabilityError for tools or constraints that the model does not offer and
        ContextOverflowError for messages longer than the model holds.
        """
        return self.stream(messages, settings, tools=tools, tool_choice=tool_choice, constraint=constraint).result()

    def score(self, prompt: str | Sequence[Message], continuation: str) -> "np.ndarray":
        """[n] float32: log-probability of each token of `continuation` after `prompt`.

        After messages, `continuation` is the start of the assistant's answer.
        """
        ...

    def score_many(self, prompt: str | Sequence[Message], continuations: Sequence[str]) -> "list[np.ndarray]":
        """`score` of each continuation after one prompt, which is read once."""
        ...

    def count_tokens(self, prompt: str | Sequence[Message], *, tools: Sequence[ToolSpec] = ()) -> int:
        """Tokens the model would be shown, template included; exact where it has the capability "token_count"."""
        ...

    def fork(
        self,
        parent: Completion,
        text: str = "",
        settings: GenerationSettings = DEFAULT_SETTINGS,
        *,
        constraint: Constraint | None = None,
    ) -> Completion:
        """Go on from the exact ids of `parent` (its prompt and its answer) plus `text`; the parent is unchanged.

        A token that ended the parent's answer is left out: going on means that it was not the end.
        """
        ...

    def close(self) -> None:
        """Give memory and threads back. Twice is harmless; later calls raise."""
        ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Embedder(Protocol):
    """Texts to unit vectors."""

    @property
    def name(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> "np.ndarray":
        """[n, dim] float32, rows of length 1. Prefixes the model was trained with are added here."""
        ...
