"""Which splitter a document gets."""

from appkit.retrieval.documents import Chunk, Document
from appkit.retrieval.splitters.code import split_code
from appkit.retrieval.splitters.packing import CountTokens
from appkit.retrieval.splitters.records import split_records
from appkit.retrieval.splitters.recursive import split_recursively
from appkit.retrieval.splitters.sections import split_by_sections

RECORD_TYPES = frozenset(
    {
        "application/json",
        "application/jsonl",
        "application/x-ndjson",
        "text/csv",
        "text/tab-separated-values",
    }
)
_CODE_PREFIXES = ("text/x-", "application/x-sh", "application/javascript", "text/javascript", "text/css")


def split_document(
    document: Document, *, max_tokens: int, overlap_tokens: int, count_tokens: CountTokens
) -> list[Chunk]:
    """The document in chunks, by its kind: records, source code, text with headings, or plain text.

    Chunks come in order, have no white space at their ends, and together hold all text that is not blank.

    Args:
        document: the text, with its sections and pages.
        max_tokens: no chunk counts more, as `count_tokens` counts its text; at least 8.
        overlap_tokens: at most this much of a chunk is repeated at the start of the next one, in whole sentences.
        count_tokens: tokens of a text for the model that will read the chunks.

    Raises:
        ValueError: sizes that no chunks can have.
    """
    if document.media_type in RECORD_TYPES and not document.sections:
        return split_records(document, max_tokens=max_tokens, count_tokens=count_tokens)
    if document.media_type.startswith(_CODE_PREFIXES) and not document.sections:
        split = split_code
    elif document.sections or document.media_type == "text/markdown":
        split = split_by_sections
    else:
        split = split_recursively
    return split(document, max_tokens=max_tokens, overlap_tokens=overlap_tokens, count_tokens=count_tokens)
