"""`ScriptedModel`: a model that says what it was told to say, for tests and examples that need no weights.

It is deterministic and counts by a rule anyone can check: one token a character, the token's id being the character's
code point. Messages are shown to it as lines `role: content`, and the last line `assistant: ` is where it speaks.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from appkit.errors import AppkitError, CapabilityError, ContextOverflowError
from appkit.llm.base import (
    DEFAULT_SETTINGS,
    Capability,
    Completion,
    FinishReason,
    GenerationSettings,
    LanguageModel,
    Usage,
)
from appkit.llm.tool_formats.schema import check_asked
from appkit.messages import Constraint, Message, ToolCall, ToolChoice, ToolSpec

if TYPE_CHECKING:
    import numpy as np

Prompt = str | Sequence[Message]
Answer = str | Message
Script = Sequence[Answer] | Callable[[Prompt], Answer]

_NO_TIMINGS = MappingProxyType({"ttft_s": 0.0, "prefill_tok_s": 0.0, "decode_tok_s": 0.0})


@dataclass(frozen=True, kw_only=True)
class ScriptedRequest:
    """What the model was asked, for a test to look at."""

    prompt: str | tuple[Message, ...]
    settings: GenerationSettings
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    constraint: Constraint | None = None


class ScriptedModel(LanguageModel):
    """A `LanguageModel` with its answers written down.

    Args:
        script: answers in order (a `Message` may carry tool calls), or a function from what is asked (a text or
            messages) to the answer.
        repeats: begin again after the last answer; off, asking once too often is an error, so a test notices.
        score: gives the log-probability of each character of a continuation; without it the model cannot score.

    `requests` holds what was asked, in order. A scripted answer that breaks a constraint raises ValueError: choice and
    regex are checked in full, a JSON schema only as far as the answer being JSON, a grammar not at all.
    """

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted",
        max_seq_len: int = 8192,
        repeats: bool = False,
        score: Callable[[str, str], Sequence[float]] | None = None,
    ) -> None:
        if not callable(script) and not script:
            raise ValueError("The script is empty: give at least one answer.")
        self._script = script
        self._name = name
        self._max_seq_len = max_seq_len
        self._repeats = repeats
        self._score = score
        self._seen: tuple[int, ...] = ()  # ids of the last request and its answer, as a KV cache would hold them
        self._is_closed = False
        self.requests: list[ScriptedRequest] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> frozenset[Capability]:
        always: set[Capability] = {"chat", "complete", "constraint", "fork", "token_ids", "token_count", "tools"}
        return frozenset(always | {"score"} if self._score else always)

    @property
    def max_seq_len(self) -> int:
        return self._max_seq_len

    def stream(
        self,
        prompt: Prompt,
        settings: GenerationSettings = DEFAULT_SETTINGS,
        *,
        tools: Sequence[ToolSpec] = (),
        tool_choice: ToolChoice = "auto",
        constraint: Constraint | None = None,
    ) -> "ScriptedStream":
        """The next answer, character by character."""
        if not prompt:
            what = "The prompt is empty" if isinstance(prompt, str) else "There are no messages"
            raise ValueError(f"{what}: there is nothing to go on from.")
        check_asked(prompt, tools, tool_choice)
        asked = prompt if isinstance(prompt, str) else tuple(prompt)
        request = ScriptedRequest(
            prompt=asked, settings=settings, tools=tuple(tools), tool_choice=tool_choice, constraint=constraint
        )
        return self._answer(request, _ids(_show(asked, tools)))

    def score(self, prompt: Prompt, continuation: str) -> "np.ndarray":
        """[n] float32, one a character, from the function the model was made with."""
        give_score = self._check_can_score()
        if not prompt:
            raise ValueError("The prompt is empty: there is nothing to score after.")
        if not continuation:
            raise ValueError("The continuation is empty: there is nothing to score.")
        import numpy as np

        logprobs = np.asarray(give_score(_show(prompt), continuation), np.float32)
        if logprobs.shape != (len(continuation),):
            raise ValueError(f"The score function gave {logprobs.shape} values for {len(continuation)} characters.")
        return logprobs

    def score_many(self, prompt: Prompt, continuations: Sequence[str]) -> "list[np.ndarray]":
        """`score` of each."""
        if isinstance(continuations, str):
            raise TypeError("score_many takes a list of texts; give [text] for one.")
        self._check_can_score()
        return [self.score(prompt, continuation) for continuation in continuations]

    def count_tokens(self, prompt: Prompt, *, tools: Sequence[ToolSpec] = ()) -> int:
        """Characters shown: of the text, or of the messages' lines."""
        self._check_open()
        return len(_show(prompt, tools))

    def cached_tokens(self, prompt: Prompt, *, tools: Sequence[ToolSpec] = ()) -> int:
        """Characters that `prompt` shares with the start of the last request and its answer."""
        self._check_open()
        return _common_prefix_len(self._seen, _ids(_show(prompt, tools)))

    def fork(
        self,
        parent: Completion,
        text: str = "",
        settings: GenerationSettings = DEFAULT_SETTINGS,
        *,
        constraint: Constraint | None = None,
    ) -> Completion:
        """The next answer, after the ids of `parent` and `text`."""
        ids = (*parent.prompt_ids, *parent.token_ids, *_ids(text))
        shown = "".join(map(chr, ids))
        request = ScriptedRequest(prompt=shown, settings=settings, constraint=constraint)
        return self._answer(request, ids).result()

    def close(self) -> None:
        """Nothing to give back; later calls raise."""
        self._is_closed = True

    def _answer(self, request: ScriptedRequest, prompt_ids: tuple[int, ...]) -> "ScriptedStream":
        self._check_open()
        if len(prompt_ids) >= self._max_seq_len:
            raise ContextOverflowError(
                f"The prompt is {len(prompt_ids):,} tokens and {self._name} holds {self._max_seq_len:,}, "
                "answer included: shorten it.",
                len(prompt_ids),
                self._max_seq_len,
            )
        message = self._next_message(request.prompt)
        if request.constraint is not None and not message.tool_calls:  # it holds the answer, not the calls
            _check_constraint(message.content, request.constraint)
        self.requests.append(request)
        cached_tokens = _common_prefix_len(self._seen, prompt_ids)
        text, reason = _cut(message.content, request.settings, self._max_seq_len - len(prompt_ids))
        self._seen = (*prompt_ids, *_ids(text))
        calls = message.tool_calls if reason == "stop" else ()
        is_full = request.constraint is not None and len(text) == request.settings.max_tokens
        return ScriptedStream(text, reason, calls, prompt_ids, cached_tokens, is_full)

    def _next_message(self, prompt: Prompt) -> Message:
        if callable(self._script):
            answer = self._script(prompt)
        else:
            idx = len(self.requests)
            if idx >= len(self._script) and not self._repeats:
                raise AppkitError(
                    f"{self._name} was asked {idx + 1} times and its script holds {len(self._script)} answers."
                )
            answer = self._script[idx % len(self._script)]
        return Message(role="assistant", content=answer) if isinstance(answer, str) else answer

    def _check_can_score(self) -> Callable[[str, str], Sequence[float]]:
        self._check_open()
        if self._score is None:
            raise CapabilityError(f"{self._name} has no score function: make it with ScriptedModel(…, score=…).",
                                  self._name, "score")  # fmt: skip
        return self._score

    def _check_open(self) -> None:
        if self._is_closed:
            raise AppkitError(f"{self._name} was closed: make a new one.")


class ScriptedStream:
    """A `CompletionStream` over a text that is known."""

    def __init__(
        self,
        text: str,
        reason: FinishReason,
        tool_calls: tuple[ToolCall, ...],
        prompt_ids: tuple[int, ...],
        cached_tokens: int,
        is_full: bool,
    ) -> None:
        self._text = text
        self._is_full = is_full
        self._reason: FinishReason = reason
        self._tool_calls = tool_calls
        self._prompt_ids = prompt_ids
        self._cached_tokens = cached_tokens
        self._num_given = 0
        self._is_cancelled = False

    def __iter__(self) -> Iterator[str]:
        while self._num_given < len(self._text):
            self._num_given += 1
            yield self._text[self._num_given - 1]

    def cancel(self) -> None:
        """Keep what was given so far. After the end this changes nothing."""
        if self._num_given < len(self._text):
            self._text = self._text[: self._num_given]
            self._is_cancelled = True

    def result(self) -> Completion:
        """The whole answer."""
        self._num_given = len(self._text)
        ids = _ids(self._text)
        usage = Usage(
            prompt_tokens=len(self._prompt_ids), cached_tokens=self._cached_tokens, completion_tokens=len(ids)
        )
        return Completion(
            text=self._text,
            finish_reason="cancelled" if self._is_cancelled else self._reason,
            usage=usage,
            prompt_ids=self._prompt_ids,
            token_ids=ids,
            tool_calls=() if self._is_cancelled else self._tool_calls,
            is_closed_early=self._is_full and not self._is_cancelled and self._reason == "stop",
            timings=_NO_TIMINGS,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()


def _show(prompt: Prompt, tools: Sequence[ToolSpec] = ()) -> str:
    """What the model is shown, as text."""
    if isinstance(prompt, str):
        return prompt
    lines = [f"tool: {tool.name} {tool.description} {json.dumps(dict(tool.parameters))}" for tool in tools]
    for message in prompt:
        calls = "".join(f" {call.name}{json.dumps(dict(call.arguments))}" for call in message.tool_calls)
        lines.append(f"{message.role}: {message.content}{calls}")
    return "\n".join([*lines, "assistant: "])


def _ids(text: str) -> tuple[int, ...]:
    return tuple(map(ord, text))


def _common_prefix_len(a: Sequence[int], b: Sequence[int]) -> int:
    return next((idx for idx, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _cut(text: str, settings: GenerationSettings, room: int) -> tuple[str, FinishReason]:
    """`text` as far as stop texts, `max_tokens` and the context let it go."""
    ends = [idx for stop in settings.stop if (idx := text.find(stop)) >= 0]
    text = text[: min(ends)] if ends else text
    limit = min(room, settings.max_tokens or room)
    return (text[:limit], "length") if len(text) > limit else (text, "stop")


def _check_constraint(text: str, constraint: Constraint) -> None:
    source = constraint.source
    if constraint.kind == "choice":
        fits = text in source
    elif constraint.kind == "regex":
        fits = isinstance(source, str) and re.fullmatch(source, text, re.DOTALL) is not None
    elif constraint.kind == "json_schema":
        try:
            json.loads(text)
            fits = True
        except ValueError:
            fits = False
    else:
        return
    if not fits:
        raise ValueError(f"The script says {text!r}, which the {constraint.kind} {source!r} does not allow.")
