"""A tokenizer of single characters and a few special tokens, to see exactly which ids a text gets."""

import numpy as np

from runtime.tokenizer.base import TextStream

FIRST_CHARACTER_ID = 100


class FakeTokenizer:
    """Special tokens have ids 0, 1, …; a character's id is its code point + 100. The longest special token wins."""

    def __init__(self, special: tuple[str, ...], *, adds_bos: bool = False) -> None:
        self.special = special
        self.vocab_size = FIRST_CHARACTER_ID + 0x110000
        self.bos_id = 0 if special else None
        self.eos_id = len(special) - 1 if special else None
        self.eog_ids = frozenset(() if self.eos_id is None else (self.eos_id,))
        self.special_ids = frozenset(range(len(special)))
        self.adds_bos = adds_bos
        self.adds_eos = False

    def encode(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        ids, position = [], 0
        while position < len(text):
            found = [s for s in self.special if parse_special and text.startswith(s, position)]
            if found:
                longest = max(found, key=len)
                ids.append(self.special.index(longest))
                position += len(longest)
            else:
                ids.append(FIRST_CHARACTER_ID + ord(text[position]))
                position += 1
        return [self.bos_id, *ids] if add_special and self.adds_bos and self.bos_id is not None else ids

    def decode(self, ids: list[int] | np.ndarray, *, skip_special: bool = True, continues: bool = False) -> str:
        pieces = [self.token_bytes(int(i)).decode() for i in ids if not (skip_special and i in self.special_ids)]
        return "".join(pieces)

    def token_bytes(self, token_id: int) -> bytes:
        if token_id in self.special_ids:
            return self.special[token_id].encode()
        return chr(token_id - FIRST_CHARACTER_ID).encode()

    def token_id(self, token: str) -> int | None:
        if token in self.special:
            return self.special.index(token)
        return FIRST_CHARACTER_ID + ord(token) if len(token) == 1 else None

    def stream(self, *, skip_special: bool = True, continues: bool = False) -> TextStream:
        raise NotImplementedError("nothing here streams")
