"""Which splitter a document gets."""

from appkit.retrieval.documents import Chunk, Document
from appkit.retrieval.splitters.code import split_code
from appkit.retrieval.splitters.packing import CountTokens
from appkit.retrieval.splitters.records import split_records
from appkit.retrieval.splitters.recursive import split_recursively
from appkit.retrieval.splitters.sections import split_by_sections

RECORD_TYPES = frozenset(["application/json", "application/jsonl", "text/csv", "text/tab-separated-values"])
MARKDOWN_TYPES = frozenset(["application/x-ipynb+json", "text/markdown"])
CODE_TYPES = frozenset(["text/css", "text/javascript", "text/typescript", "text/xml"])
PROSE_TYPES = frozenset(["text/x-rst", "text/x-tex"])  # other types that begin with "text/x-" are code


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
    media_type = document.media_type
    if media_type in RECORD_TYPES:
        return split_records(document, max_tokens=max_tokens, count_tokens=count_tokens)
    is_code = media_type in CODE_TYPES or (media_type.startswith("text/x-") and media_type not in PROSE_TYPES)
    if document.sections or media_type in MARKDOWN_TYPES:
        split = split_by_sections
    else:
        split = split_code if is_code else split_recursively
    return split(document, max_tokens=max_tokens, overlap_tokens=overlap_tokens, count_tokens=count_tokens)
