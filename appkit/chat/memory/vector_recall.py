"""`VectorRecall`: turns that are not shown any more, where they are near to what is asked."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from appkit.chat.memory.base import Memory
from appkit.chat.memory.showing import Showing
from appkit.chat.memory.wording import RECALLED, SPEAKER, Language
from appkit.context import Item, item_tokens
from appkit.llm.base import Embedder

if TYPE_CHECKING:
    import numpy as np

MAX_EMBEDDED_CHARACTERS = 2000  # of a turn, its beginning; most embedders read no more
MAX_REMEMBERED_VECTORS = 10_000


class VectorRecall(Memory):
    """Shows, before the question, the earlier turns whose vectors are nearest to its own, oldest first.

    They are for this turn alone and never enter the conversation, so the KV cache loses one question, not more.

    Args:
        embedder: stays its owner's. A turn is embedded once, when it is first not shown any more.
        limit: at most so many turns.
        max_tokens: of them together, set aside while turns are left out. Turns longer than what is left are passed by.
        min_score: the least cosine; what is near differs between embedders. None shows the nearest whatever they are.

    Raises:
        ValueError: a number is below 1.
    """

    stage: ClassVar[int] = 2

    def __init__(
        self, embedder: Embedder, *, limit: int = 3, max_tokens: int = 512, min_score: float | None = None
    ) -> None:
        if limit < 1 or max_tokens < 1:
            raise ValueError(f"limit is {limit} and max_tokens is {max_tokens}; both begin at 1.")
        self.reserved_tokens = max_tokens
        self._embedder = embedder
        self._limit = limit
        self._min_score = min_score
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()

    def recall(self, showing: Showing, dropped: Sequence[Item]) -> tuple[Item, ...]:
        """The nearest of `dropped` as one item, none where nothing is near or fits."""
        scores = self._embed(dropped, showing.language) @ self._embedder.embed([showing.question.content], "query")[0]
        by_score = sorted(range(len(dropped)), key=lambda idx: (-float(scores[idx]), idx))
        chosen: list[int] = []
        for idx in by_score:
            if len(chosen) == self._limit or (self._min_score is not None and scores[idx] < self._min_score):
                break
            if item_tokens(showing.model, _item(dropped, [*chosen, idx], showing.language)) <= self.reserved_tokens:
                chosen.append(idx)
        return (_item(dropped, chosen, showing.language),) if chosen else ()

    def _embed(self, turns: Sequence[Item], language: Language) -> "np.ndarray":
        """[n, dim] float32."""
        import numpy as np

        texts = [_written(turn, language)[:MAX_EMBEDDED_CHARACTERS] for turn in turns]
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        known = dict(zip(new, self._embedder.embed(new), strict=True)) if new else {}
        vectors = np.stack([known[text] if text in known else self._vectors[text] for text in texts])
        self._vectors.update(known)
        while len(self._vectors) > MAX_REMEMBERED_VECTORS:
            self._vectors.popitem(last=False)
        return vectors


def _item(turns: Sequence[Item], chosen: Sequence[int], language: Language) -> Item:
    text = "\n".join(_written(turns[idx], language) for idx in sorted(chosen))
    return Item(
        id="recalled " + ", ".join(turns[idx].id for idx in sorted(chosen)), text=RECALLED[language].format(text=text)
    )


def _written(turn: Item, language: Language) -> str:
    return "\n".join(
        f"{SPEAKER[language].get(message.role, '')}{message.content}" for message in turn.messages if message.content
    )
