"""A window of a few sentences that slides over the text: small chunks, for looking facts up."""

from appkit.retrieval.documents import Chunk, Document
from appkit.retrieval.sentences import split_sentences
from appkit.retrieval.splitters.borders import Atom, Border
from appkit.retrieval.splitters.chunks import build_chunks
from appkit.retrieval.splitters.packing import CountTokens, pack


def split_sentence_windows(
    document: Document, *, num_sentences: int, num_shared: int, max_tokens: int, count_tokens: CountTokens
) -> list[Chunk]:
    """Chunks of `num_sentences` sentences, each beginning with the last `num_shared` of the one before.

    A window that counts more than `max_tokens` becomes several chunks.
    """
    if not 0 <= num_shared < num_sentences:
        raise ValueError(f"num_shared is {num_shared}; it must be from 0 to num_sentences - 1 = {num_sentences - 1}.")
    text = document.text
    sentences = split_sentences(text)
    spans = []
    for first in range(0, max(1, len(sentences) - num_shared), num_sentences - num_shared):
        window = sentences[first : first + num_sentences]
        atoms = (Atom(start, end, Border.SENTENCE) for start, end in window)
        spans += pack(text, atoms, max_tokens=max_tokens, overlap_tokens=0, count_tokens=count_tokens)
    return build_chunks(document, sorted(set(spans)))
