"""Tokens over which a repeat does not reach: those that structure a text."""

from weakref import WeakKeyDictionary

from runtime.tokenizer.base import Tokenizer

CHARACTERS = b'\n:"*'  # of DRY's first implementation; in UTF-8 these bytes stand for nothing else

_found: WeakKeyDictionary[Tokenizer, frozenset[int]] = WeakKeyDictionary()


def breaker_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """Tokens that hold one of `CHARACTERS`, and control tokens such as the marks of turns. Worked out once."""
    if tokenizer not in _found:
        _found[tokenizer] = tokenizer.special_ids | {
            token_id
            for token_id in range(tokenizer.vocab_size)
            if any(byte in CHARACTERS for byte in tokenizer.token_bytes(token_id))
        }
    return _found[tokenizer]
