"""Plain text: chunks end at paragraphs, else lines, sentences, clauses, words and, last, characters."""

from appkit.retrieval.documents import Chunk, Document
from appkit.retrieval.splitters.borders import sentence_atoms
from appkit.retrieval.splitters.chunks import build_chunks
from appkit.retrieval.splitters.packing import CountTokens, pack


def split_recursively(
    document: Document, *, max_tokens: int, overlap_tokens: int, count_tokens: CountTokens
) -> list[Chunk]:
    """Chunks of whole sentences that end at the strongest border in their last half."""
    atoms = sentence_atoms(document.text, 0, len(document.text))
    spans = pack(document.text, atoms, max_tokens=max_tokens, overlap_tokens=overlap_tokens, count_tokens=count_tokens)
    return build_chunks(document, spans)
