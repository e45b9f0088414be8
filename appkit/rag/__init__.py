"""Questions answered from documents, with citations. Names are imported when they are first used."""

from typing import TYPE_CHECKING

from appkit.lazy_names import lazy_names

if TYPE_CHECKING:
    from appkit.rag.answer import Answer, Method
    from appkit.rag.answering import Judgement, answer_pieces, judge
    from appkit.rag.citations import cite, cited_numbers, find_hit, verify
    from appkit.rag.document_chat import DocumentChat
    from appkit.rag.index import Index
    from appkit.rag.stream import AnswerStream

_HOMES = {
    "Answer": "answer",
    "AnswerStream": "stream",
    "DocumentChat": "document_chat",
    "Index": "index",
    "Judgement": "answering",
    "Method": "answer",
    "answer_pieces": "answering",
    "cite": "citations",
    "cited_numbers": "citations",
    "find_hit": "citations",
    "judge": "answering",
    "verify": "citations",
}

__all__ = [
    "Answer",
    "AnswerStream",
    "DocumentChat",
    "Index",
    "Judgement",
    "Method",
    "answer_pieces",
    "cite",
    "cited_numbers",
    "find_hit",
    "judge",
    "verify",
]

__getattr__ = lazy_names(__name__, _HOMES, globals())
