"""A constraint over single bytes: what tells whether it can be followed at all, and how its text may end.

It needs no vocabulary, so it is the same for every model, and small enough to be tried out in a process of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import llguidance

from runtime.grammar.base import Constraint
from runtime.grammar.ending import ALL_BYTES, MAX_ENDING_BYTES, find_ending
from runtime.grammar.fault import refusal_of
from runtime.grammar.marks import marks_of
from runtime.grammar.source import grammar_of
from runtime.grammar.special import tokens_as_text
from runtime.grammar.tables import byte_tables, new_matcher


@dataclass(frozen=True)
class Bytewise:
    """The start of a constraint, and bytes that complete it from there. `marks` serve the search for other endings."""

    grammar: str
    state: llguidance.LLMatcher
    marks: Sequence[bytes]
    ending: bytes


def compile_bytewise(constraint: Constraint, usable: int = ALL_BYTES) -> Bytewise:
    """Compile `constraint` and find an ending made of `usable` bytes (bits of one number).

    Raises:
        ValueError: it cannot be read or followed, with the place of the fault; or no text that matches is found, so
            that a completion could not be kept within its limit.
    """
    grammar = grammar_of(constraint)
    state = new_matcher(byte_tables(), tokens_as_text(grammar))
    if not state.is_error():
        state.compute_bitmask()  # some constraints turn out impossible only now
    if state.is_error():
        raise refusal_of(constraint, state.get_error())
    marks = marks_of(constraint)
    ending = find_ending(state, usable, marks=marks)
    if ending is None:
        raise ValueError(
            f"No text of at most {MAX_ENDING_BYTES:,} bytes was found that matches this {constraint.kind}, so nothing "
            "could be kept within a limit of tokens. Ask for shorter text; end free text with a mark that it cannot "
            'hold itself, in a grammar as `text[suffix="</end>"]: /(?s:.*)/`.'
        )
    return Bytewise(grammar, state, marks, ending)
