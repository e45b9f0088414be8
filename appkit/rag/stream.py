"""`AnswerStream`: an answer piece by piece, whole afterwards."""

from collections.abc import Generator, Iterator
from typing import Self

from appkit.rag.answer import Answer


class AnswerStream:
    """Pieces of the text, together `result().text`. Nothing is computed before the first is asked for.

    Usable as a context manager, which ends a generation that is under way.
    """

    def __init__(self, work: Generator[str, None, Answer]) -> None:
        self._work = work
        self._answer: Answer | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            return next(self._work)
        except StopIteration as end:
            if self._answer is None:
                self._answer = end.value
            raise StopIteration from None

    def result(self) -> Answer:
        """The whole answer; goes on to the end where iteration has not reached it.

        Raises:
            RuntimeError: the stream was closed, or failed, before its end.
        """
        for _ in self:
            pass
        if self._answer is None:
            raise RuntimeError("The answer was not finished: its stream was closed or failed.")
        return self._answer

    def close(self) -> None:
        """Stop; what is under way is cancelled. Twice is harmless."""
        self._work.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
