"""Byte-level BPE: GPT-2, Llama 3, Qwen, SmolLM and most other vocabularies of today.

Text is cut into pieces by the vocabulary's pattern (`pretokenizers.py`), and the UTF-8 bytes of each piece are merged.
In the file a token is spelled with one printable character a byte, GPT-2's alphabet. Two engines do the work:
tiktoken over ranks made from the file's merge list, where the order of its ranks gives the same ids, else `tokenizers`.
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np

from runtime.errors import TokenizerError
from runtime.tokenizer.bounds import bounded_parts
from runtime.tokenizer.cache import load_arrays, store_arrays, vocabulary_digest
from runtime.tokenizer.metadata import PREFIX, all_strings, read_strings
from runtime.tokenizer.pretokenizers import PreTokenizer
from runtime.tokenizer.token_table import TokenTable
from runtime.tokenizer.vocabulary import NORMAL, UNUSED, Vocabulary
from runtime.tokenizer.vocabulary_tokenizer import VocabularyTokenizer

NO_TOKEN = -1  # in an array of ids: a byte that is no token of the vocabulary


class Engine(Protocol):
    """Merges the pieces of a text. Safe to share between threads."""

    def encode(self, text: str) -> np.ndarray:
        """[T] int32 ids, `NO_TOKEN` for a byte the vocabulary lacks."""
        ...


class ByteLevelTokenizer(VocabularyTokenizer):
    """A vocabulary of `tokenizer.ggml.model = "gpt2"`."""

    def __init__(self, vocabulary: Vocabulary, pre: PreTokenizer, cache_path: Path | None, max_text_bytes: int) -> None:
        super().__init__(vocabulary, max_text_bytes)
        merges = read_strings(vocabulary.metadata, "merges")
        if merges is None:
            raise TokenizerError(f"The model file has no {PREFIX}merges; convert the model again.")
        self._pre = pre
        self._merges: Sequence[str] = merges
        digest = vocabulary_digest(["bpe", vocabulary.spellings, vocabulary.kinds, merges])
        arrays = load_arrays(cache_path, digest, ("blob", "bounds", "ids_by_rank"))
        if arrays is None:
            arrays = _compute_arrays(vocabulary, merges)
            store_arrays(cache_path, digest, arrays)
        self._table = TokenTable(arrays["blob"].tobytes(), arrays["bounds"])
        self._ids_by_rank = arrays["ids_by_rank"]
        self._engine: Engine | None = None
        self._lock = Lock()

    def prepare(self) -> None:
        """Build the engine now, which the first `encode` would do."""
        self._ready()

    def _encode_text(self, text: str, starts: bool) -> list[int]:
        engine = self._ready()
        ids = [engine.encode(part) for part in bounded_parts(text)]
        joined = ids[0] if len(ids) == 1 else np.concatenate(ids)
        result: list[int] = joined.tolist()
        if NO_TOKEN in result:
            raise self._missing_byte(text)
        return result

    def _missing_byte(self, text: str) -> TokenizerError:
        present = set(self._single_bytes)
        for character in text:
            for byte in character.encode():
                if byte not in present:
                    return TokenizerError(
                        f"This vocabulary cannot hold {character!r}: it has no token for byte 0x{byte:02X} "
                        f"(it lacks {256 - len(present)} of the 256). Remove the character."
                    )
        raise AssertionError("an id is missing, but every byte of the text has one")

    @functools.cached_property
    def _single_bytes(self) -> dict[int, int]:
        """Token ids by byte."""
        return {byte: token_id for byte, token_id in enumerate(self._ids_by_rank[:256].tolist()) if token_id >= 0}

    def _token_bytes(self, token_id: int) -> bytes:
        return self._table[token_id]

    def _token_id(self, token: str) -> int | None:
        return self._ids_by_spelling.get(token)

    @functools.cached_property
    def _ids_by_spelling(self) -> dict[str, int]:
        return {
            spelling: i for i, spelling in reversed(list(enumerate(all_strings(self._vocabulary.spellings, "tokens"))))
        }

    def _ready(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._build_engine()
            return self._engine

    def _build_engine(self) -> Engine:
        if self._pre.engine == "tiktoken":
            return TiktokenEngine(self._table, self._ids_by_rank, self._pre)
        spellings = all_strings(self._vocabulary.spellings, "tokens")
        usable = np.isin(self._vocabulary.kinds, (NORMAL, UNUSED))
        ids = {spelling: i for i, spelling in enumerate(spellings) if usable[i]}
        return TokenizersEngine(ids, all_strings(self._merges, "merges"), self._pre)


class TiktokenEngine:
    """tiktoken's merge loop over this vocabulary's own ranks."""

    def __init__(self, table: TokenTable, ids_by_rank: np.ndarray, pre: PreTokenizer) -> None:
        from tiktoken import Encoding  # 0.03 s

        (pattern,) = pre.patterns
        pieces = table.pieces()
        # All 256 bytes have a rank, also those without a token: the engine panics on a byte it does not know.
        ranks = {bytes([byte]): byte for byte in range(256)}
        ranks.update({pieces[token_id]: rank for rank, token_id in enumerate(ids_by_rank.tolist()[256:], 256)})
        self._core = Encoding("vocabulary", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
        self._ids_by_rank = ids_by_rank

    def encode(self, text: str) -> np.ndarray:
        try:
            ranks = self._core.encode_to_numpy(text)
        except BaseException as error:
            # A Rust panic arrives as a BaseException that is not an Exception; what is not the engine's passes on.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise TokenizerError(f"The tokenizer gave up on a text of {len(text):,} characters: {error}") from error
            raise
        return self._ids_by_rank[ranks]


class TokenizersEngine:
    """The `tokenizers` library's merge loop, by the rank of pairs as the file lists them."""

    def __init__(self, ids: dict[str, int], merges: Sequence[str], pre: PreTokenizer) -> None:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers

        present = set(ids)
        pairs = [split_merge(merge) for merge in merges]
        usable = [p for p in pairs if p[0] in present and p[1] in present and p[0] + p[1] in present]
        self._core = Tokenizer(models.BPE(ids, usable, ignore_merges=pre.whole_pieces))
        splits = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in pre.patterns]
        self._core.pre_tokenizer = pre_tokenizers.Sequence(
            [*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
        self._core.no_padding()

    def encode(self, text: str) -> np.ndarray:
        (encoding,) = self._core.encode_batch_fast([text], add_special_tokens=False)
        return np.array(encoding.ids, np.int32)


@functools.cache
def byte_alphabet() -> dict[int, str]:
    """The character that stands for each byte in the file: itself where printable, else the next from U+0100 on.

    Source: the `bytes_to_unicode` table of the GPT-2 release.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    return {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + i) for i, byte in enumerate(others)}


def split_merge(merge: str) -> tuple[str, str]:
    """The two spellings of one entry of the merge list; the first may itself begin with the space between them."""
    left, space, right = merge[1:].partition(" ")
    if not space or not right:
        raise TokenizerError(f"{PREFIX}merges holds {merge!r}, which is not two tokens; convert the model again.")
    return merge[0] + left, right


def _compute_arrays(vocabulary: Vocabulary, merges: Sequence[str]) -> dict[str, np.ndarray]:
    """What the cache keeps: the bytes of every token, and the token of every rank.

    Ranks 0 to 255 are the bytes, `NO_TOKEN` where a byte is no token; then come the products of the merge list in order
    of first appearance.
    """
    alphabet = str.maketrans({character: chr(byte) for byte, character in byte_alphabet().items()})
    spellings = all_strings(vocabulary.spellings, "tokens")
    ids: dict[str, int] = {}
    pieces = []
    for token_id, (spelling, kind) in enumerate(zip(spellings, vocabulary.kinds.tolist(), strict=True)):
        if kind in (NORMAL, UNUSED):
            ids.setdefault(spelling, token_id)
            pieces.append(_to_bytes(spelling, alphabet))
        else:
            pieces.append(spelling.encode())
    ranks = dict.fromkeys(byte_alphabet()[byte] for byte in range(256))
    ranks.update(dict.fromkeys(merge.replace(" ", "") for merge in all_strings(merges, "merges")))
    in_order = list(ranks)
    ids_by_rank = [ids.get(spelling, NO_TOKEN) for spelling in in_order[:256]]
    ids_by_rank += [ids[spelling] for spelling in in_order[256:] if spelling in ids]
    table = TokenTable.of(pieces)
    return {
        "blob": np.frombuffer(table.blob, np.uint8),
        "bounds": table.bounds,
        "ids_by_rank": np.array(ids_by_rank, np.int32),
    }


def _to_bytes(spelling: str, alphabet: dict[int, str]) -> bytes:
    """The bytes of an ordinary token; one that is not spelled in the alphabet was added later and is plain text."""
    try:
        return spelling.translate(alphabet).encode("latin-1")
    except UnicodeEncodeError:
        return spelling.encode()
