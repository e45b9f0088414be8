"""`LocalStream`: a `CompletionStream` over a request in the engine."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Self

from appkit.llm.base import Completion, Usage
from appkit.llm.tool_formats.formats import with_ids
from appkit.llm.tool_formats.parse import AnswerText, parse_answer
from appkit.llm.tool_formats.syntax import CallSyntax
from appkit.messages import ToolCall
from runtime import Handle, Tokenizer
from runtime import Result as RuntimeResult


@dataclass(frozen=True, kw_only=True)
class CallReader:
    """Reads calls out of what was generated. Control tokens among the ids count, for some mark a call."""

    syntax: CallSyntax
    names: Collection[str]
    tokenizer: Tokenizer

    def text(self, token_ids: Collection[int]) -> str:
        """The text of `token_ids` with the control tokens that are part of calls, but no end tokens."""
        ids = [token_id for token_id in token_ids if token_id not in self.tokenizer.eog_ids]
        return self.tokenizer.decode(ids, skip_special=False, continues=True)

    def has_mark(self, token_ids: Collection[int]) -> bool:
        """Whether one of these is a control token that calls begin with, which has no text of its own."""
        return bool(self.syntax.mark) and any(
            token_id in self.tokenizer.special_ids and self.tokenizer.token_bytes(token_id) == self.syntax.mark.encode()
            for token_id in token_ids
        )


class LocalStream:
    """A `CompletionStream` over a request in the engine. Calls are not streamed: they are in the result.

    Args:
        strips_start: leave out white space before the first word, which a dialogue written with role names has.
        reader: where tools were given.
    """

    def __init__(
        self,
        handle: Handle,
        prompt_ids: tuple[int, ...],
        *,
        strips_start: bool = False,
        reader: CallReader | None = None,
    ) -> None:
        self._handle = handle
        self._prompt_ids = prompt_ids
        self._strips_start = strips_start
        self._reader = reader

    def __iter__(self) -> Iterator[str]:
        if self._reader is None:
            yield from self._texts()
            return
        num_shown = 0
        answer = AnswerText(self._reader.syntax)
        for text in self._texts():
            if shown := answer.push(text):
                num_shown += len(shown)
                yield shown
        if rest := self.result().text[num_shown:]:  # what waited and turned out to be no call
            yield rest

    def cancel(self) -> None:
        """Stop within a token; what was made stays."""
        self._handle.cancel()

    def result(self) -> Completion:
        """The whole completion; waits for the end."""
        return self._to_completion(self._handle.result())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()

    def _texts(self) -> Iterator[str]:
        """Pieces of text as they come, marks of calls that are control tokens included."""
        at_start = self._strips_start
        for piece in self._handle:
            text = piece.text.lstrip() if at_start else piece.text
            if self._reader is not None and self._reader.has_mark(piece.token_ids):
                text = self._reader.syntax.mark + text
            if text:
                at_start = False
                yield text

    def _to_completion(self, result: RuntimeResult) -> Completion:
        text, calls = self._parsed(result)
        return Completion(
            text=text.lstrip() if self._strips_start else text,
            finish_reason=result.finish_reason,
            usage=Usage(
                prompt_tokens=result.prompt_tokens,
                cached_tokens=result.cached_tokens,
                completion_tokens=result.completion_tokens,
                forced_tokens=result.forced_tokens,
            ),
            prompt_ids=self._prompt_ids,
            token_ids=tuple(result.token_ids),
            tool_calls=calls,
            is_closed_early=result.is_closed_early,
            logprobs=None if result.logprobs is None else tuple(step.chosen for step in result.logprobs),
            timings={
                "ttft_s": result.timings.ttft_s,
                "prefill_tok_s": result.timings.prefill_tok_s,
                "decode_tok_s": result.timings.decode_tok_s,
            },
        )

    def _parsed(self, result: RuntimeResult) -> tuple[str, tuple[ToolCall, ...]]:
        """Text and calls. Cancelled in the middle of calls, an answer is the text before them."""
        reader = self._reader
        if reader is None:
            return result.text, ()
        text = reader.text(result.token_ids) if reader.has_mark(result.token_ids) else result.text
        if result.finish_reason == "cancelled":
            answer = AnswerText(reader.syntax)
            shown = answer.push(text)
            return (shown if answer.is_over else text), ()
        text, calls = parse_answer(text, reader.syntax, reader.names)
        return text, with_ids(calls, self._prompt_ids)
