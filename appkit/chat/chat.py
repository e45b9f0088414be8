"""`Chat`: one conversation with one model.

A turn is kept whole or not at all. Its question and answer enter the conversation when the answer has ended; an answer
that was cancelled is kept as far as it was said, because that is what the person read; a turn that failed, or was
cancelled before a word was said, leaves the conversation as it was.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from appkit.errors import AppkitError, ContextOverflowError
from appkit.llm.base import DEFAULT_SETTINGS, Completion, CompletionStream, GenerationSettings, LanguageModel
from appkit.llm.open import DEFAULT_MODEL, open_model
from appkit.messages import Message


@dataclass(frozen=True, kw_only=True)
class ChatStats:
    """What a conversation has cost so far, and the speeds of its last turn (0 before the first)."""

    turns: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt tokens, those that cost nothing
    completion_tokens: int = 0
    ttft_s: float = 0.0
    prefill_tok_s: float = 0.0
    decode_tok_s: float = 0.0


class Chat:
    """A conversation. Owns its messages, and its model where it opened it itself.

    Args:
        model: a catalog name, a file, "scripted:…", or a model that is open already and stays its owner's.
        system: the system message. None leaves it to the model's own tested one, "" sends an empty one.
        settings: how to sample; None leaves it to the model.

    Not for two threads at once: a conversation is one turn after another.
    """

    def __init__(
        self,
        model: str | Path | LanguageModel = DEFAULT_MODEL,
        system: str | None = None,
        settings: GenerationSettings | None = None,
    ) -> None:
        self._owns_model = isinstance(model, str | Path)
        self._model = open_model(model) if isinstance(model, str | Path) else model
        self._settings = settings or DEFAULT_SETTINGS
        self._messages: list[Message] = []
        self._stats = ChatStats()
        self._open_turn: ChatStream | None = None
        self.system = system

    @property
    def model(self) -> LanguageModel:
        """The model that answers."""
        return self._model

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said so far, the system message aside."""
        return tuple(self._messages)

    def send(self, text: str, **changes: Any) -> Completion:
        """Say `text` and wait for the answer.

        Args:
            changes: fields of `GenerationSettings` for this turn alone: `send("…", max_tokens=64)`.

        Raises:
            ContextOverflowError: the conversation does not fit the model any more; it is left as it was.
        """
        return self.stream(text, **changes).result()

    def stream(self, text: str, **changes: Any) -> "ChatStream":
        """Say `text` and get the answer piece by piece: `for piece in chat.stream("…"): print(piece, end="")`.

        A turn that is still open ends here, as if cancelled. Arguments and errors are those of `send`.
        """
        self.end_turn()
        question = Message(role="user", content=text)
        shown = [*self._system_messages(), *self._messages, question]
        try:
            inner = self._model.stream(shown, replace(self._settings, **changes))
        except ContextOverflowError as error:
            if not self._messages:
                raise
            raise ContextOverflowError(
                f"The conversation with this message is {error.num_tokens:,} tokens and {self._model.name} holds "
                f"{error.limit:,}, answer included: begin anew with reset() (/reset in `appkit chat`), or use a model "
                "with a longer context.",
                error.num_tokens,
                error.limit,
            ) from error
        self._open_turn = ChatStream(self, question, inner)
        return self._open_turn

    def end_turn(self) -> None:
        """Cancel the answer that is being given, if one is; what was said of it is kept."""
        if self._open_turn is not None:
            self._open_turn.cancel()

    def reset(self) -> None:
        """Forget what was said; the system message, the model and the settings stay."""
        self.end_turn()
        self._messages.clear()
        self._stats = ChatStats()

    def stats(self) -> ChatStats:
        """Tokens and speeds so far."""
        return self._stats

    def close(self) -> None:
        """End the open turn and close the model if this chat opened it. Twice is harmless."""
        self.end_turn()
        if self._owns_model:
            self._model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _system_messages(self) -> list[Message]:
        return [] if self.system is None else [Message(role="system", content=self.system)]

    def _keep(self, turn: "ChatStream", question: Message, answer: Completion | None) -> None:
        """The turn is over: remember it if something was said."""
        if self._open_turn is turn:
            self._open_turn = None
        if answer is None:
            return
        usage, timings = answer.usage, answer.timings
        said_nothing = answer.finish_reason == "cancelled" and not answer.text.strip()
        if not said_nothing:
            self._messages += [
                question,
                Message(
                    role="assistant",
                    content=answer.text,
                    tool_calls=answer.tool_calls,
                    token_ids=answer.token_ids,
                ),
            ]
        self._stats = ChatStats(
            turns=self._stats.turns + (not said_nothing),
            prompt_tokens=self._stats.prompt_tokens + usage.prompt_tokens,
            cached_tokens=self._stats.cached_tokens + usage.cached_tokens,
            completion_tokens=self._stats.completion_tokens + usage.completion_tokens,
            ttft_s=timings.get("ttft_s", 0.0),
            prefill_tok_s=timings.get("prefill_tok_s", 0.0),
            decode_tok_s=timings.get("decode_tok_s", 0.0),
        )


class ChatStream:
    """One turn being answered: a `CompletionStream` that enters the conversation when it ends.

    An interrupt (Ctrl-C, a notebook's stop button) that arrives while waiting cancels the turn and goes on upwards.
    """

    def __init__(self, chat: Chat, question: Message, inner: CompletionStream) -> None:
        self._chat = chat
        self._question = question
        self._inner = inner
        self._pieces = iter(inner)
        self._answer: Completion | None = None
        self._error: Exception | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._is_over:
            raise StopIteration
        try:
            return next(self._pieces)
        except StopIteration:
            self.result()
            raise
        except KeyboardInterrupt:
            self.cancel()
            raise
        except Exception as error:
            self._fail(error)
            raise

    def cancel(self) -> None:
        """Stop the answer; what was said is kept in the conversation. Harmless when it is over."""
        if not self._is_over:
            self._inner.cancel()
            self.result()

    def result(self) -> Completion:
        """The whole answer; waits for it where it has not ended. Raises what ended it otherwise."""
        if self._answer is not None:
            return self._answer
        if self._error is not None:
            raise AppkitError(f"The turn failed: {self._error}") from self._error
        try:
            answer = self._inner.result()
        except KeyboardInterrupt:
            self._inner.cancel()
            self.result()
            raise
        except Exception as error:
            self._fail(error)
            raise
        self._answer = answer
        self._chat._keep(self, self._question, answer)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()

    @property
    def _is_over(self) -> bool:
        return self._answer is not None or self._error is not None

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._chat._keep(self, self._question, None)
