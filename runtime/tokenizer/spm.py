"""SentencePiece BPE with byte fallback: Llama 2, Phi-3, Mistral, Gemma.

Spaces become "▁" and the text is merged as one string: of all neighbouring symbols that make a token, the pair whose
token scores highest is joined first, the leftmost of equals. A character that is no token is spelled in byte tokens.
Ties between scores are what keeps a table of merge ranks, and so the libraries built on one, from being exact here.

Two cuts leave the result as it is and bring the cost down to that of short words: no merge crosses two characters that
stand together in no token, and equal words merge alike, so they are remembered. A word of more than `MAX_RUN`
characters is cut all the same, at the lengths that `bounds.py` explains.

Source: github.com/google/sentencepiece, bpe_model; merge order and special cases as llama.cpp's tokenizer of this kind.
We depart from the latter in one point: control tokens cannot be merged from plain text.
"""

import heapq
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from threading import Lock

import numpy as np

from runtime.errors import TokenizerError
from runtime.tokenizer.bounds import MAX_RUN
from runtime.tokenizer.cache import load_arrays, store_arrays, vocabulary_digest
from runtime.tokenizer.metadata import PREFIX, all_strings
from runtime.tokenizer.ranked_merges import RankedMerges
from runtime.tokenizer.token_table import TokenTable
from runtime.tokenizer.vocabulary import BYTE, CONTROL, UNKNOWN, Vocabulary
from runtime.tokenizer.vocabulary_tokenizer import VocabularyTokenizer

_SPACE = "▁"
_NEVER = -np.inf
_SHORT = 48  # characters up to which searching the list for the best pair beats keeping a heap
_WORTH_RANKS = 20_000  # characters in longer words after which a faster engine is worth the 0.2–0.5 s to build it
_MAX_REMEMBERED = 1 << 16
_CODE_BITS = 21  # of a Unicode character
_SEPARATOR = "\U0010ffff"  # no character, so in no token


class SentencePieceTokenizer(VocabularyTokenizer):
    """A vocabulary of `tokenizer.ggml.model = "llama"`."""

    def __init__(self, vocabulary: Vocabulary, cache_path: Path | None, max_text_bytes: int) -> None:
        super().__init__(vocabulary, max_text_bytes)
        self.drops_space = self._adds_space = vocabulary.flag("add_space_prefix", True)
        self._scores = vocabulary.scores()
        digest = vocabulary_digest(["spm", vocabulary.spellings, vocabulary.kinds, self._scores])
        arrays = load_arrays(cache_path, digest, ("blob", "bounds", "neighbours"))
        if arrays is None:
            arrays = _compute_arrays(vocabulary)
            store_arrays(cache_path, digest, arrays)
        self._table = TokenTable(arrays["blob"].tobytes(), arrays["bounds"])
        self._neighbours = arrays["neighbours"]
        self._merger: _Merger | None = None
        self._lock = Lock()

    def prepare(self) -> None:
        """Build now what the first `encode` would build."""
        self._ready()

    def _encode_text(self, text: str, starts: bool) -> list[int]:
        prefix = _SPACE if starts and self._adds_space else ""
        merger = self._ready()
        ids: list[int] = []
        for word in self._words(prefix + text.replace(" ", _SPACE)):
            ids += merger.encode(word)
        return ids

    def _words(self, text: str) -> list[str]:
        """`text` cut wherever its two characters are neighbours in no token."""
        if len(text) <= _SHORT:  # cheap to merge as it is
            return [text]
        pairs = _pairs(text)
        places = np.searchsorted(self._neighbours, pairs)
        known = np.take(self._neighbours, places, mode="clip") == pairs
        cuts = (np.flatnonzero(~known) + 1).tolist()
        if len(text) > MAX_RUN:
            cuts = [
                place
                for start, end in pairwise([0, *cuts, len(text)])
                for place in range(start, end, MAX_RUN)
                if place > 0
            ]
        return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]

    def _token_bytes(self, token_id: int) -> bytes:
        return self._table[token_id]

    def _token_id(self, token: str) -> int | None:
        return self._ready().ids.get(token)

    def _ready(self) -> "_Merger":
        with self._lock:
            if self._merger is None:
                self._merger = _Merger(self._vocabulary, self._table, self._scores)
            return self._merger


class _Merger:
    """Words to ids, with a memory."""

    def __init__(self, vocabulary: Vocabulary, table: TokenTable, scores: np.ndarray) -> None:
        kinds = vocabulary.kinds.tolist()
        self.ids: dict[str, int] = {}
        self._byte_ids: dict[int, int] = {}
        self._scores: dict[str, float] = {}
        for token_id, (piece, kind, score) in enumerate(zip(table.pieces(), kinds, scores.tolist(), strict=True)):
            if kind == BYTE:
                self._byte_ids[piece[0]] = token_id
            elif kind not in (CONTROL, UNKNOWN) and piece:
                spelling = piece.decode().replace(" ", _SPACE)
                if spelling not in self.ids:
                    self.ids[spelling] = token_id
                    self._scores[spelling] = score
        self._unknown_id = vocabulary.unknown_id
        self._remembered: dict[str, tuple[int, ...]] = {}
        self._ranked: RankedMerges | None = None
        self._num_long_characters = 0
        self._lock = Lock()

    def encode(self, word: str) -> Sequence[int]:
        if len(word) > _SHORT:
            return self._encode_long(word)
        ids = self._remembered.get(word)
        if ids is None:
            ids = tuple(self._symbol_ids(self._merge_short(word)))
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered = {}
            self._remembered[word] = ids
        return ids

    def _encode_long(self, word: str) -> list[int]:
        ranked = self._ranked_after(len(word))
        if ranked is not None and ranked.can_merge(word):
            return self._piece_ids(ranked.merge(word))
        return self._symbol_ids(self._merge_long(word))

    def _ranked_after(self, num_characters: int) -> RankedMerges | None:
        """The faster engine once it has paid off, or None. A vocabulary without byte tokens has no use for it."""
        with self._lock:
            self._num_long_characters += num_characters
            if self._ranked is None and self._byte_ids and self._num_long_characters > _WORTH_RANKS:
                self._ranked = RankedMerges(self._scores)
            return self._ranked

    def _merge_short(self, word: str) -> list[str]:
        """The symbols of `word`, by looking for the best pair each time."""
        score = self._scores.get
        symbols = list(word)
        pairs = [score(left + right, _NEVER) for left, right in pairwise(symbols)]
        while pairs and (best := max(pairs)) != _NEVER:
            i = pairs.index(best)
            symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
            del pairs[i]
            if i > 0:
                pairs[i - 1] = score(symbols[i - 1] + symbols[i], _NEVER)
            if i < len(pairs):
                pairs[i] = score(symbols[i] + symbols[i + 1], _NEVER)
        return symbols

    def _merge_long(self, word: str) -> list[str]:
        """The same with a heap of candidate pairs, in n log n."""
        score = self._scores.get
        symbols = list(word)  # a symbol stays at the place of its first character; what it swallowed becomes ""
        end = len(word)
        following = list(range(1, end + 1))
        before = list(range(-1, end - 1))
        heap = []
        for i in range(end - 1):
            if (value := score(word[i : i + 2])) is not None:
                heap.append((-value, i, word[i : i + 2]))
        heapq.heapify(heap)
        while heap:
            _, i, merged = heapq.heappop(heap)
            j = following[i]
            # Stale unless the two still stand there as they were: a symbol only grows, and "" makes no token.
            if not symbols[i] or j == end or len(symbols[i]) + len(symbols[j]) != len(merged):
                continue
            symbols[i], symbols[j] = merged, ""
            following[i] = after = following[j]
            if after != end:
                before[after] = i
                if (value := score(merged + symbols[after])) is not None:
                    heapq.heappush(heap, (-value, i, merged + symbols[after]))
            if (left := before[i]) >= 0 and (value := score(symbols[left] + merged)) is not None:
                heapq.heappush(heap, (-value, left, symbols[left] + merged))
        return [symbol for symbol in symbols if symbol]

    def _symbol_ids(self, symbols: list[str]) -> list[int]:
        ids: list[int] = []
        for symbol in symbols:
            if (token_id := self.ids.get(symbol)) is not None:
                ids.append(token_id)
            else:
                ids += self._bytes_ids(symbol.encode())
        return ids

    def _piece_ids(self, pieces: list[bytes]) -> list[int]:
        ids_of = {piece: self._ids_of_piece(piece) for piece in set(pieces)}
        return [token_id for piece in pieces for token_id in ids_of[piece]]

    def _ids_of_piece(self, piece: bytes) -> list[int]:
        try:
            return self._symbol_ids([piece.decode()])
        except UnicodeDecodeError:  # part of a character that stands in no token
            return self._bytes_ids(piece)

    def _bytes_ids(self, content: bytes) -> list[int]:
        if self._byte_ids:
            if missing := [byte for byte in content if byte not in self._byte_ids]:
                raise TokenizerError(
                    f"This vocabulary cannot hold {content.decode(errors='replace')!r}: it has no token for byte "
                    f"0x{missing[0]:02X}. Remove the character."
                )
            return [self._byte_ids[byte] for byte in content]
        if self._unknown_id is not None:
            return [self._unknown_id]
        raise TokenizerError(
            f"This vocabulary cannot hold {content.decode(errors='replace')!r} and has no token for the unknown."
        )


def _compute_arrays(vocabulary: Vocabulary) -> dict[str, np.ndarray]:
    spellings = all_strings(vocabulary.spellings, "tokens")
    kinds = vocabulary.kinds.tolist()
    table = TokenTable.of([_piece(text, kind, i) for i, (text, kind) in enumerate(zip(spellings, kinds, strict=True))])
    neighbours = _neighbours(
        text.replace(" ", _SPACE)
        for text, kind in zip(spellings, kinds, strict=True)
        if kind not in (BYTE, CONTROL, UNKNOWN)
    )
    return {"blob": np.frombuffer(table.blob, np.uint8), "bounds": table.bounds, "neighbours": neighbours}


def _piece(spelling: str, kind: int, token_id: int) -> bytes:
    if kind == BYTE:
        try:
            if len(spelling) == len("<0x00>") and spelling.startswith("<0x") and spelling.endswith(">"):
                return bytes([int(spelling[3:5], 16)])
        except ValueError:
            pass
        raise TokenizerError(f"{PREFIX}tokens: byte token {token_id} is spelled {spelling!r} instead of like '<0x0A>'.")
    if kind in (CONTROL, UNKNOWN):
        return spelling.encode()
    return spelling.replace(_SPACE, " ").encode()


def _neighbours(spellings: Iterable[str]) -> np.ndarray:
    """Sorted codes of all pairs of characters that stand together in a token; pairs with the separator do no harm."""
    return np.unique(_pairs(_SEPARATOR.join(spellings)))


def _pairs(text: str) -> np.ndarray:
    """[len(text) - 1] uint64, a code for each two neighbouring characters."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32).astype(np.uint64)
    return codes[:-1] << np.uint64(_CODE_BITS) | codes[1:]
