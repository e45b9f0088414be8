"""What every tokenizer offers, whatever its algorithm. Implementations run the same contract tests."""

from typing import Protocol

import numpy as np


class Tokenizer(Protocol):
    """Text ↔ token ids of one vocabulary. Safe to share between threads."""

    vocab_size: int
    bos_id: int | None
    eos_id: int | None
    eog_ids: frozenset[int]  # every id that ends a generation: eos, end of turn, end of message
    special_ids: frozenset[int]  # control tokens: no text of a user becomes one unless asked for
    adds_bos: bool  # the model wants `bos_id` in front
    adds_eos: bool

    def encode(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        """Ids of `text`.

        Args:
            text: any str; lone surrogates raise TokenizerError.
            add_special: put the model's own start and end tokens around it.
            parse_special: special tokens spelled out in `text` become their ids; off, they are plain text.

        Raises:
            TokenizerError: text that the vocabulary cannot hold at all, or over the size limit.
        """
        ...

    def decode(self, ids: list[int] | np.ndarray, *, skip_special: bool = True, continues: bool = False) -> str:
        """Text of `ids`; bytes that are no valid UTF-8 become U+FFFD. Raises TokenizerError for an unknown id.

        Args:
            skip_special: leave special tokens out; else they give their names.
            continues: the ids go on from others. Some vocabularies put a space in front of every text and take it
                away again here; in the middle of a text that space is the text's own.
        """
        ...

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes a token adds to a text; a special token gives its name in UTF-8."""
        ...

    def token_id(self, token: str) -> int | None:
        """Id of a token spelled exactly so in the vocabulary (special ones too), or None."""
        ...

    def stream(self, *, skip_special: bool = True, continues: bool = False) -> "TextStream":
        """A fresh incremental decoder; its text is what `decode` gives for the same ids and arguments."""
        ...


class TextStream(Protocol):
    """Decodes ids as they come and never emits half a character."""

    def push(self, token_id: int) -> str:
        """Text that became certain with this token, possibly empty."""
        ...

    def flush(self) -> str:
        """What is left at the end; an unfinished character becomes U+FFFD."""
        ...
