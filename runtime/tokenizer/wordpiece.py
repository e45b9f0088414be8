"""WordPiece: BERT and the embedders made from it.

Text is lower-cased, stripped of accents and split at spaces, punctuation and Chinese characters; each word is then cut
into the longest tokens, from the left, or is one unknown token. The `tokenizers` library does it as the models'
authors did. GGUF spells the start of a word "▁hug" and its continuation "ging" where BERT has "hug" and "##ging".

Source: Devlin et al., arXiv:1810.04805, and its reference tokenizer.
"""

from collections.abc import Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from runtime.errors import TokenizerError
from runtime.tokenizer.metadata import PREFIX, all_strings
from runtime.tokenizer.token_table import TokenTable
from runtime.tokenizer.vocabulary import CONTROL, UNKNOWN, Vocabulary, read_vocabulary
from runtime.tokenizer.vocabulary_tokenizer import VocabularyTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Engine

_WORD_START = "▁"
_CONTINUES = "##"
_MAX_WORD = 100  # characters; a longer word is one unknown token, as in the reference


class WordPieceTokenizer(VocabularyTokenizer):
    """A vocabulary of `tokenizer.ggml.model = "bert"`."""

    drops_space = True

    def __init__(self, vocabulary: Vocabulary, max_text_bytes: int) -> None:
        super().__init__(vocabulary, max_text_bytes)
        if vocabulary.unknown_id is None:
            raise TokenizerError(f"A WordPiece vocabulary needs {PREFIX}unknown_token_id; convert the model again.")
        # Both always stand around a text, whatever the file says of `add_bos_token`: there is no such model without.
        self.adds_bos = self.bos_id is not None
        self.adds_eos = self.eos_id is not None
        self._spellings = all_strings(vocabulary.spellings, "tokens")
        kinds = vocabulary.kinds.tolist()
        self._table = TokenTable.of(
            [
                spelling.encode() if kind in (CONTROL, UNKNOWN) else spelling.replace(_WORD_START, " ", 1).encode()
                for spelling, kind in zip(self._spellings, kinds, strict=True)
            ]
        )
        self._engine: Engine | None = None
        self._lock = Lock()

    @staticmethod
    def read_vocabulary(metadata: Mapping[str, Any]) -> Vocabulary:
        """The start token is BERT's [CLS], the end token its [SEP] (under a key that GGUF misspells)."""
        return read_vocabulary(
            metadata,
            adds_bos=True,
            adds_eos=True,
            bos_key="cls_token_id",
            eos_key="seperator_token_id",
            default_ids={"cls_token_id": 101, "seperator_token_id": 102, "unknown_token_id": 100},
        )

    def prepare(self) -> None:
        """Build the engine now, which the first `encode` would do."""
        self._ready()

    def _encode_text(self, text: str, starts: bool) -> list[int]:
        (encoding,) = self._ready().encode_batch_fast([text], add_special_tokens=False)
        return list(encoding.ids)

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
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        ids: dict[str, int] = {}
        for token_id, spelling in enumerate(self._spellings):
            ids.setdefault(_bert_spelling(spelling, token_id in self.special_ids), token_id)
        unknown = self._spellings[self._vocabulary.unknown_id or 0]
        engine = Tokenizer(
            models.WordPiece(
                ids, unk_token=unknown, max_input_chars_per_word=_MAX_WORD, continuing_subword_prefix=_CONTINUES
            )
        )
        engine.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=True,
            strip_accents=None,
            lowercase=self._vocabulary.flag("normalizer.lowercase", True),
        )
        engine.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return engine


def _bert_spelling(spelling: str, is_special: bool) -> str:
    if is_special or (spelling.startswith("[") and spelling.endswith("]") and len(spelling) > 2):
        return spelling
    if spelling.startswith(_WORD_START):
        return spelling[1:]
    return _CONTINUES + spelling
