"""`DocumentChat`: a conversation about documents, in which "and for pumps?" is understood."""

import re
from typing import Any

from appkit.rag.answer import Answer
from appkit.rag.index import Index
from appkit.rag.question_words import question_words
from appkit.rag.stream import AnswerStream

MAX_FOLLOW_UP_WORDS = 4  # telling words; a longer question says itself what it is about
MAX_REMEMBERED_CHARACTERS = 300

_REFERS_BACK = re.compile(
    r"^\s*(and|but|or|also|then|so|what about|how about)\b"
    r"|\b(it|its|they|them|their|that|those|this|these|he|she|one)\b"
    r"|^\s*(那|那么|还有|另外|以及|如果)|[它他她]|这个|那个|这些|那些|其[他它]|呢[？?]?\s*$",
    re.IGNORECASE,
)


class DocumentChat:
    """Questions one after another, each answered from the documents. The index, and a model, stay their owner's.

    Args:
        options: as `Index.ask` takes them: model, method, limit, filter, …
    """

    def __init__(self, index: Index, **options: Any) -> None:
        self._index = index
        self._options = options
        self._query = ""

    def ask(self, text: str) -> Answer:
        """The answer to `text`, which may refer to the question before it."""
        return self.stream(text).result()

    def stream(self, text: str) -> AnswerStream:
        """The same piece by piece. A question is remembered even where it found no answer."""
        query = self.query_for(text)
        self._query = query[-MAX_REMEMBERED_CHARACTERS:]
        return self._index.stream(text, query=query, **self._options)

    def query_for(self, text: str) -> str:
        """What is searched for: `text`, with the query before it in front where `text` leans on it."""
        return f"{self._query} {text}" if self._query and leans_on_previous(text) else text

    def reset(self) -> None:
        """Forget what was asked."""
        self._query = ""


def leans_on_previous(text: str) -> bool:
    """Whether a question is short and speaks of something named before, or is only a word or two."""
    words = question_words(text)
    if len(words) > MAX_FOLLOW_UP_WORDS:
        return False
    is_bare = len(words) <= 2 and len(text.split()) <= 2 and len(text) <= 20 and not re.search(r"[一-鿿]{5}", text)
    return bool(_REFERS_BACK.search(text)) or is_bare
