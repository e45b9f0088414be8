"""Which embedder an index uses, and how it is recognised again.

A name says little: two files of one name may hold other weights, and one model has many names. What counts is whether
vectors of one can be compared with vectors of the other, so the index keeps what its embedder said to a few fixed
texts, and asks the next one the same.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from appkit.errors import EmbedderMismatchError, RetrievalError
from appkit.llm.base import Embedder
from appkit.retrieval.language import is_mostly_english

ENGLISH_EMBEDDER = "minilm-l6"
MULTILINGUAL_EMBEDDER = "e5-small-multilingual"

_PROBES = ("The pump was installed in 2019.", "保修期是两年。")
# Unit vectors this far apart have a cosine of 0.999: the same weights on another machine or in another engine stay
# within it, other quantisations of them do not.
_MAX_DISTANCE = 0.045
_MAX_TOKENS = 256
_SPARE_TOKENS = 16  # for start, end and a prefix such as "passage: "


@dataclass(frozen=True)
class EmbedderIdentity:
    """What an embedder said to the probes."""

    name: str
    probes: np.ndarray  # [3, dim] float32

    @property
    def dim(self) -> int:
        return int(self.probes.shape[1])

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits to tell embedders apart by; equal ones may differ in it, so compare with `is_same`."""
        return hashlib.sha256(self.probes.astype("<f2").tobytes()).hexdigest()[:16]

    def is_same(self, other: "EmbedderIdentity") -> bool:
        """True if vectors of the two can be compared."""
        if self.dim != other.dim:
            return False
        return bool((np.linalg.norm(self.probes - other.probes, axis=1) <= _MAX_DISTANCE).all())


def identify(embedder: Embedder) -> EmbedderIdentity:
    """Ask the probes. Takes as long as three short texts."""
    documents = embed_checked(embedder, _PROBES, "document")
    queries = embed_checked(embedder, _PROBES[:1], "query")
    return EmbedderIdentity(embedder.name, np.concatenate([documents, queries]))


def check_same(indexed: EmbedderIdentity, given: EmbedderIdentity) -> None:
    """Raises: EmbedderMismatchError: their vectors cannot be compared."""
    if not indexed.is_same(given):
        sizes = f" ({given.dim} numbers each, not {indexed.dim})" if indexed.dim != given.dim else ""
        raise_mismatch(indexed.name, given.name, sizes)


def raise_mismatch(indexed: str, given: str, detail: str = "") -> None:
    """Raises: EmbedderMismatchError: always."""
    same_name = " of another build" if indexed == given else ""
    raise EmbedderMismatchError(
        f"The index was made with the embedder {indexed!r}; {given!r}{same_name} gives other vectors{detail}. "
        f"Open the index with {indexed!r}, or make its vectors anew: appkit index rebuild … --embedder {given}",
        indexed,
        given,
    )


def embed_checked(embedder: Embedder, texts: Iterable[str], kind: str) -> np.ndarray:
    """[n, dim] float32, finite.

    Raises:
        RetrievalError: the embedder gave something else; a vector of NaN would poison every search after it.
    """
    listed = list(texts)
    vectors = np.asarray(embedder.embed(listed, "query" if kind == "query" else "document"), np.float32)
    if vectors.shape != (len(listed), embedder.dim) or not np.isfinite(vectors).all():
        raise RetrievalError(
            f"The embedder {embedder.name!r} gave vectors of shape {vectors.shape} for {len(listed)} texts"
            f"{'' if np.isfinite(vectors).all() else ' with numbers that are not finite'}; "
            f"({len(listed)}, {embedder.dim}) finite ones are needed."
        )
    return vectors


def choose_embedder(texts: Iterable[str]) -> str:
    """Name of the catalog's embedder for documents like these: the multilingual one unless all of them are English."""
    return ENGLISH_EMBEDDER if all(is_mostly_english(text) for text in texts) else MULTILINGUAL_EMBEDDER


def open_embedder(name: str) -> Embedder:
    """The catalog's embedder `name`, that in a file, or "st:…" of sentence-transformers. The caller closes it."""
    if name.startswith("st:"):
        from appkit.llm.sentence_transformers import SentenceTransformersEmbedder  # loads torch

        return SentenceTransformersEmbedder(name)
    from appkit.llm.embedder import LocalEmbedder  # loads the runtime

    return LocalEmbedder(name)


def close_embedder(embedder: Embedder) -> None:
    """Give back an embedder that `open_embedder` opened."""
    close = getattr(embedder, "close", None)
    if close is not None:
        close()


def token_counter(embedder: Embedder) -> Callable[[str], int]:
    """Counts tokens as `embedder` does; where it does not say, a Chinese character is one, and four others are."""
    count: Callable[[str], int] | None = getattr(embedder, "count_tokens", None)
    return count if count is not None else _estimate_tokens


def chunk_tokens(embedder: Embedder) -> int:
    """The most tokens of a chunk: 256, or what the embedder reads where that is less."""
    longest: int | None = getattr(embedder, "max_seq_len", None)
    return _MAX_TOKENS if longest is None else max(1, min(_MAX_TOKENS, longest - _SPARE_TOKENS))


def _estimate_tokens(text: str) -> int:
    num_wide = sum(ord(character) >= 0x2E80 for character in text)
    return num_wide + (len(text) - num_wide + 3) // 4
