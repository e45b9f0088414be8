"""What all tokenizers here share: special tokens around and inside a text, ids to bytes, bytes to text."""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import numpy as np

from runtime.errors import TokenizerError
from runtime.tokenizer.bounds import check_text
from runtime.tokenizer.stream import Utf8Stream
from runtime.tokenizer.vocabulary import Vocabulary


class VocabularyTokenizer(ABC):
    """A `Tokenizer` but for two questions: the ids of plain text, and the bytes of a token.

    Safe to share between threads: everything is fixed once made, or made once under a lock.
    """

    drops_space: bool = False  # encoding puts a space in front of text, decoding takes it away

    def __init__(self, vocabulary: Vocabulary, max_text_bytes: int) -> None:
        self.vocab_size = len(vocabulary)
        self.bos_id = vocabulary.bos_id
        self.eos_id = vocabulary.eos_id
        self.eog_ids = vocabulary.eog_ids
        self.special_ids = vocabulary.special_ids
        self.adds_bos = vocabulary.adds_bos
        self.adds_eos = vocabulary.adds_eos
        self._vocabulary = vocabulary
        # Text after these was encoded as if it began there. The unknown token comes out of plain text as well.
        self._split_ids = (vocabulary.special_ids | vocabulary.user_defined_ids) - {vocabulary.unknown_id}
        self._max_text_bytes = max_text_bytes

    def encode(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """See `Tokenizer.encode`. A start token that the text itself spells out is not put there twice."""
        check_text(text, self._max_text_bytes)
        ids: list[int] = []
        matched = self._vocabulary.matched_on_request if parse_special else self._vocabulary.always_matched
        starts = True
        for part in matched.split(text):
            if isinstance(part, int):
                ids.append(part)
            else:
                ids += self._encode_text(part, starts)
            starts = isinstance(part, int)
        return self._with_special(ids) if add_special else ids

    def decode(self, ids: "list[int] | np.ndarray", *, skip_special: bool = True, continues: bool = False) -> str:
        stream = self.stream(skip_special=skip_special, continues=continues)
        ids = ids.tolist() if isinstance(ids, np.ndarray) else ids
        return b"".join(map(stream.take_bytes, ids)).decode("utf-8", "replace")

    def token_bytes(self, token_id: int) -> bytes:
        if not 0 <= token_id < self.vocab_size:
            raise TokenizerError(f"Token id {token_id} is outside the vocabulary of {self.vocab_size:,} tokens.")
        return self._token_bytes(token_id)

    def token_id(self, token: str) -> int | None:
        token_id = self._vocabulary.matched_on_request.get(token)
        return self._token_id(token) if token_id is None else token_id

    def stream(self, *, skip_special: bool = True, continues: bool = False) -> Utf8Stream:
        """See `Tokenizer.stream`."""
        return Utf8Stream(
            self,
            skip=self.special_ids if skip_special else (),
            drops_space_after=self._split_ids if self.drops_space else None,
            continues=continues,
        )

    @abstractmethod
    def _encode_text(self, text: str, starts: bool) -> Iterable[int]:
        """Ids of `text`, which holds no special token; `starts`: nothing or a special token comes before it."""

    @abstractmethod
    def _token_bytes(self, token_id: int) -> bytes: ...

    @abstractmethod
    def _token_id(self, token: str) -> int | None:
        """Id of a token that is not special."""

    def _with_special(self, ids: list[int]) -> list[int]:
        if self.adds_bos and self.bos_id is not None and ids[:1] != [self.bos_id]:
            ids = [self.bos_id, *ids]
        if self.adds_eos and self.eos_id is not None and ids[-1:] != [self.eos_id]:
            ids.append(self.eos_id)
        return ids
