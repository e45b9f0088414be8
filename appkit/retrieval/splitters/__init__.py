"""Documents into chunks: sizes in the reading model's tokens, offsets exact."""

from appkit.retrieval.splitters.code import split_code
from appkit.retrieval.splitters.document import split_document
from appkit.retrieval.splitters.records import split_records
from appkit.retrieval.splitters.recursive import split_recursively
from appkit.retrieval.splitters.sections import split_by_sections
from appkit.retrieval.splitters.sentence_windows import split_sentence_windows

__all__ = [
    "split_by_sections",
    "split_code",
    "split_document",
    "split_records",
    "split_recursively",
    "split_sentence_windows",
]
