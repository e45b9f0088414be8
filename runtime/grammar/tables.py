"""The one place where llguidance builds a matcher, with its limits; and its tables over single bytes.

The limits bound what a matcher takes while it is built and at each step after. An ordinary constraint stays a hundred
times below them.
"""

import functools

import llguidance

BYTE_END_ID = 256  # in the vocabulary of bytes
MAX_LEXER_STATES = 50_000  # of 1–7 kB; a schema with twenty formats has 60
STEP_LEXER_FUEL = 50_000  # some milliseconds of one step


def new_matcher(tables: llguidance.LLTokenizer, grammar: str) -> llguidance.LLMatcher:
    """A matcher at its start; `is_error` tells whether the grammar was refused. Other threads run meanwhile."""
    limits = llguidance.LLParserLimits(max_lexer_states=MAX_LEXER_STATES, step_lexer_fuel=STEP_LEXER_FUEL)
    return llguidance.LLMatcher(tables, grammar, log_level=0, limits=limits)


class _SingleBytes:
    """The vocabulary of 256 bytes and an end."""

    bos_token_id = None
    eos_token_id = BYTE_END_ID
    special_token_ids = (BYTE_END_ID,)
    tokens = (*(bytes([i]) for i in range(256)), b"<end>")

    def __call__(self, text: str | bytes) -> list[int]:
        return list(text.encode() if isinstance(text, str) else text)


@functools.cache
def byte_tables() -> llguidance.LLTokenizer:
    """llguidance's tables over single bytes: 257 tokens, of which the last is the end."""
    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(_SingleBytes()), BYTE_END_ID + 1)
