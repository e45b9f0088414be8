"""`ChatStream`: one turn while it is answered."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from appkit.errors import AppkitError
from appkit.llm.base import Completion, CompletionStream

if TYPE_CHECKING:
    from appkit.context import CompiledContext


class ChatStream:
    """One turn being answered: a `CompletionStream` that enters the conversation when it ends.

    An interrupt (Ctrl-C, a notebook's stop button) that arrives while waiting cancels the turn and goes on upwards.

    Args:
        inner: the model's.
        keep: called once, with the answer, or with None where the turn failed; what it raises fails the turn.
        context: what the model is shown, where a memory decided that: the turns that were left out are said there.
    """

    def __init__(
        self,
        inner: CompletionStream,
        keep: Callable[[Completion | None], None],
        context: "CompiledContext | None" = None,
    ) -> None:
        self.context = context
        self._inner = inner
        self._keep = keep
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
        try:
            self._keep(answer)
        except Exception as error:  # it was said, and could not be stored: the conversation is as it was
            self._fail(error)
            raise
        self._answer = answer
        return answer

    def __enter__(self) -> "ChatStream":
        return self

    def __exit__(self, *exc: object) -> None:
        self.cancel()

    @property
    def _is_over(self) -> bool:
        return self._answer is not None or self._error is not None

    def _fail(self, error: Exception) -> None:
        self._error = error
        self._keep(None)
