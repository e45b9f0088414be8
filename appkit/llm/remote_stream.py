"""The answer of a remote model while it comes."""

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from typing import Self

from appkit.errors import AppkitError, RemoteModelError
from appkit.llm.base import Completion, FinishReason, Usage
from appkit.llm.remote_http import Exchange
from appkit.llm.remote_reply import RemoteReply
from appkit.llm.remote_sse import SseParser
from appkit.llm.remote_tokens import estimate_tokens


class RemoteStream:
    """A `CompletionStream` over an exchange with a server. One thread reads it; any thread may cancel it.

    Cancelled, it holds what was taken out of it so far: what a person has read, not what the network has brought since.

    Args:
        estimated_prompt_tokens: for servers that do not report usage.
        explain: makes an error of the exchange into the one to raise.
    """

    def __init__(
        self,
        exchange: Exchange,
        reply: RemoteReply,
        parser: SseParser,
        *,
        estimated_prompt_tokens: int,
        wants_logprobs: bool,
        explain: Callable[[AppkitError], AppkitError],
    ) -> None:
        self._exchange = exchange
        self._reply = reply
        self._parser = parser
        self._estimated_prompt_tokens = estimated_prompt_tokens
        self._wants_logprobs = wants_logprobs
        self._explain = explain
        self._events: deque[str] = deque()
        self._lock = threading.Lock()  # held while waiting: two threads that read take turns
        self._is_cancelled = False
        self._completion: Completion | None = None
        self._error: AppkitError | None = None
        self._started = time.monotonic()
        self._first_text: float | None = None
        weakref.finalize(self, exchange.abort)  # nobody waits for a stream that was dropped, so no server should work

    def __iter__(self) -> Iterator[str]:
        while piece := self._next_piece():
            yield piece

    def cancel(self) -> None:
        """Close the connection, whatever is being waited for; what was taken out of the stream stays."""
        if self._completion is None and self._error is None:
            self._is_cancelled = True
        self._exchange.abort()

    def result(self) -> Completion:
        """The whole completion; waits for the end.

        Raises:
            RemoteModelError: the server did not answer, or not to the end.
            ContextOverflowError: the server says that the prompt is too long.
            OutputParseError: the model called a tool with arguments that are not JSON.
            CapabilityError: log-probabilities were asked for and not sent.
        """
        while self._next_piece():
            pass
        assert self._completion is not None
        return self._completion

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()

    def _next_piece(self) -> str:
        """Text, waited for; "" at the end. Raises what went wrong, each time it is called."""
        with self._lock:
            while self._completion is None:
                if self._error is not None:
                    raise self._error
                try:
                    if piece := self._advance():
                        self._first_text = self._first_text or time.monotonic()
                        return piece
                except AppkitError as error:
                    self._exchange.abort()
                    self._error = self._explain(error)
                    if self._error is error:
                        raise
                    raise self._error from error
            return ""

    def _advance(self) -> str:
        """Take in one event, or bytes that hold some, or the end. The text of the event."""
        if self._is_cancelled and self._reply.finish_reason is None:
            self._completion = self._complete("cancelled")
        elif self._reply.is_done or self._is_cancelled:
            self._end()
        elif self._events:
            return self._reply.add(self._events.popleft())
        elif (chunk := self._next_chunk()) is not None:
            self._take(chunk)
        elif not self._is_cancelled:
            self._end()
        return ""

    def _next_chunk(self) -> bytes | None:
        try:
            return self._exchange.next_chunk()
        except RemoteModelError:
            if self._reply.finish_reason is None:
                raise
            return None  # it broke after the answer was whole; only its token counts are missing

    def _take(self, chunk: bytes) -> None:
        try:
            self._events.extend(self._parser.feed(chunk))
        except ValueError as error:
            raise self._broken_off(f"sent what is no stream of events ({error})") from error

    def _end(self) -> None:
        self._exchange.abort()
        if self._reply.finish_reason is None:
            raise self._broken_off("ended its answer without saying that it is whole (no finish_reason)")
        self._completion = self._complete(self._reply.finish_reason)

    def _broken_off(self, what: str) -> RemoteModelError:
        return RemoteModelError(
            f"{self._exchange.url} {what}. Try again; the answer so far is not kept.", self._exchange.url
        )

    def _complete(self, reason: FinishReason) -> Completion:
        text = self._reply.text
        usage = self._reply.usage or Usage(
            prompt_tokens=self._estimated_prompt_tokens,
            cached_tokens=0,
            completion_tokens=estimate_tokens(text),
            is_estimate=True,
        )
        is_whole = reason != "cancelled"
        return Completion(
            text=text,
            finish_reason=reason,
            usage=usage,
            tool_calls=self._reply.tool_calls() if is_whole else (),
            logprobs=self._reply.logprobs() if self._wants_logprobs and is_whole else None,
            timings=self._timings(usage.completion_tokens),
        )

    def _timings(self, num_tokens: int) -> dict[str, float]:
        """As seen from here, the network included; how fast the prompt was read cannot be seen from here."""
        if self._first_text is None:
            return {}
        decode_s = time.monotonic() - self._first_text
        speed = {"decode_tok_s": (num_tokens - 1) / decode_s} if num_tokens > 1 and decode_s > 0 else {}
        return {"ttft_s": self._first_text - self._started, **speed}
