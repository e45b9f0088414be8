"""SentencePiece Unigram: T5, XLM-R, multilingual E5.

Of all ways to cut a text into tokens the one with the highest sum of scores is taken. The `tokenizers` library finds
it, and `unigram_search.py` for the first few texts. The text is normalised here first. That loses information on
purpose (full-width letters become ASCII, runs of spaces one space), so decoding gives the normalised text.

Source: Kudo, arXiv:1804.10959; normalisation as SentencePiece's nmt_nfkc rule.
"""

import re
import unicodedata
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from runtime.errors import TokenizerError
from runtime.tokenizer.metadata import PREFIX, all_strings, read_numbers
from runtime.tokenizer.token_table import TokenTable
from runtime.tokenizer.unigram_search import SPACE, UnigramSearch
from runtime.tokenizer.vocabulary import CONTROL, UNKNOWN, Vocabulary
from runtime.tokenizer.vocabulary_tokenizer import VocabularyTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Engine
    from tokenizers import normalizers

_UNMATCHABLE = " "  # in front of a spelling: normalised text has "▁" for every space
_SPACES = re.compile(" {2,}")
_SEARCHED_CHARACTERS = 20_000  # cut without the engine in less time than it takes to build it

# The rule's own part beside NFKC: control characters vanish, invisible separators become spaces.
_REMOVED = [*range(0x01, 0x09), 0x0B, *range(0x0E, 0x20), 0x7F, 0x8F, 0x9F]
_BLANKED = [
    *(0x09, 0x0A, 0x0C, 0x0D, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD),
]
_CONTROLS = dict.fromkeys(_REMOVED, "") | dict.fromkeys(_BLANKED, " ")
_FULL_WIDTH_TILDE = "～"  # kept: Japanese text uses it beside the narrow one


def normalize(text: str) -> str:
    """`text` under SentencePiece's nmt_nfkc rule, before spaces are collapsed."""
    text = text.translate(_CONTROLS)
    return _FULL_WIDTH_TILDE.join(unicodedata.normalize("NFKC", part) for part in text.split(_FULL_WIDTH_TILDE))


class UnigramTokenizer(VocabularyTokenizer):
    """A vocabulary of `tokenizer.ggml.model = "t5"`."""

    def __init__(self, vocabulary: Vocabulary, max_text_bytes: int) -> None:
        super().__init__(vocabulary, max_text_bytes)
        if vocabulary.unknown_id is None:
            raise TokenizerError(f"A Unigram vocabulary needs {PREFIX}unknown_token_id; convert the model again.")
        self.drops_space = self._adds_space = vocabulary.flag("add_space_prefix", True)
        self._removes_spaces = vocabulary.flag("remove_extra_whitespaces", True)
        self._spellings = all_strings(vocabulary.spellings, "tokens")
        self._scores = vocabulary.scores()
        self._charsmap: normalizers.Precompiled | None = _charsmap(vocabulary)
        self._search: UnigramSearch | None = None
        self._characters_searched = 0
        self._engine: Engine | None = None
        self._lock = Lock()

    def prepare(self) -> None:
        """Build the engine now, which a long text would do."""
        self._ready()

    def _encode_text(self, text: str, starts: bool) -> list[int]:
        text = normalize(text) if self._charsmap is None else self._charsmap.normalize_str(text)
        if self._removes_spaces:
            text = _SPACES.sub(" ", text).strip(" ")
        if not text:
            return []
        if (search := self._search_for(text)) is not None:
            return search.cut(text)
        (encoding,) = self._ready().encode_batch_fast([text], add_special_tokens=False)
        return list(encoding.ids)

    def _search_for(self, text: str) -> UnigramSearch | None:
        """What cuts `text` without the engine; None where the engine is there, or enough text came to be worth it."""
        with self._lock:
            self._characters_searched += len(text)
            if self._engine is not None or self._characters_searched > _SEARCHED_CHARACTERS:
                self._search = None
            elif self._search is None:
                self._search = self._build_search()
            return self._search

    def _build_search(self) -> UnigramSearch:
        unknown_id = self._vocabulary.unknown_id
        assert unknown_id is not None  # checked when the tokenizer was made
        ids = {spelling: token_id for token_id, spelling in enumerate(self._spellings)}
        for token_id in np.flatnonzero(np.isin(self._vocabulary.kinds, (CONTROL, UNKNOWN))).tolist():
            if ids[self._spellings[token_id]] == token_id:
                del ids[self._spellings[token_id]]
        return UnigramSearch(
            ids, self._scores.tolist(), unknown_id, adds_space=self._adds_space, one_word=self._is_one_word
        )

    @cached_property
    def _is_one_word(self) -> bool:
        """Whether no token reaches over a space into another word."""
        return not any(SPACE in spelling[1:].lstrip(SPACE) for spelling in self._spellings)

    @cached_property
    def _table(self) -> TokenTable:
        """Bytes of every token, for decoding; an embedding model never needs them."""
        return TokenTable.of(
            [
                spelling.encode() if kind in (CONTROL, UNKNOWN) else spelling.replace(SPACE, " ").encode()
                for spelling, kind in zip(self._spellings, self._vocabulary.kinds.tolist(), strict=True)
            ]
        )

    def _token_bytes(self, token_id: int) -> bytes:
        return self._table[token_id]

    def _token_id(self, token: str) -> int | None:
        return self._spellings.index(token) if token in self._spellings else None

    def _ready(self) -> "Engine":
        with self._lock:
            if self._engine is None:
                self._engine = self._build_engine()
            return self._engine

    def _build_engine(self) -> "Engine":
        from tokenizers import Tokenizer, models, pre_tokenizers

        kinds = self._vocabulary.kinds.tolist()
        scored = [
            (_UNMATCHABLE + spelling if kind in (CONTROL, UNKNOWN) else spelling, score)
            for spelling, kind, score in zip(self._spellings, kinds, self._scores.tolist(), strict=True)
        ]
        engine = Tokenizer(models.Unigram(scored, self._vocabulary.unknown_id, byte_fallback=False))
        # Cutting at "▁" spares the search over the whole text, where no token reaches over one.
        scheme = "always" if self._adds_space else "never"
        engine.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, scheme, split=self._is_one_word)
        return engine


def _charsmap(vocabulary: Vocabulary) -> "normalizers.Precompiled | None":
    content = read_numbers(vocabulary.metadata, "precompiled_charsmap", np.uint8)
    if content is None or len(content) == 0:
        return None
    from tokenizers import normalizers

    try:
        return normalizers.Precompiled(content.tobytes())
    except Exception as error:
        raise TokenizerError(
            f"{PREFIX}precompiled_charsmap cannot be read: {error}; convert the model again."
        ) from error
