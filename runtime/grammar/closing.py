"""Constraints compiled by llguidance: at each step, which tokens keep the text on its way to a match, and how to end.

Where only one text can follow, llguidance asks for that text as the tokenizer would write it, since that is what the
model was trained to see.

A completion that reaches its limit in the middle of a match would be worthless, and llguidance does not know how far
the end is. So an ending is always at hand: tokens that were checked to complete the text. A drawn token is taken only
if the ending still fits after it, or a new one that fits is found; when neither holds for any token that is tried, the
ending is what comes next. The check runs on a second matcher over single bytes, which costs tens of microseconds.
"""

import llguidance
import numpy as np

from runtime.errors import ConstraintLimitError
from runtime.grammar.base import Constraint
from runtime.grammar.bytewise import compile_bytewise
from runtime.grammar.ending import closes, find_ending, shortest_ending
from runtime.grammar.fault import refusal
from runtime.grammar.tables import new_matcher
from runtime.grammar.vocabulary import vocabulary_of
from runtime.tokenizer.base import Tokenizer

FEW_STATES = 100  # that a search for a shorter ending looks at while decoding; the first search looks at more


class ClosingMatcher:
    """A `Matcher`. The next mask is computed once, when first asked for."""

    def __init__(self, constraint: Constraint, tokenizer: Tokenizer) -> None:
        self._kind = constraint.kind
        self._vocabulary = vocabulary_of(tokenizer)
        self._usable = self._vocabulary.single_bytes
        self._eog_ids = tokenizer.eog_ids
        self._num_words = -(-tokenizer.vocab_size // 32)
        bytewise = compile_bytewise(constraint, self._usable)
        self._shadow, self._marks = bytewise.state, bytewise.marks
        self._ending: bytes | None = bytewise.ending  # None only after `accept`, where the search found none
        self._matcher = new_matcher(self._vocabulary.tables, bytewise.grammar)
        self._mask: np.ndarray | None = None
        self._has_ended = False
        self.mask()

    def copy(self) -> "ClosingMatcher":
        """The same state, to go on from separately."""
        other = object.__new__(ClosingMatcher)
        other.__dict__.update(self.__dict__)
        other._matcher = self._matcher.deep_copy()
        other._shadow = self._shadow.deep_copy()
        return other

    def check_limit(self, max_tokens: int) -> None:
        """Make sure that a match fits in `max_tokens`. Raises ConstraintLimitError where none is found that does."""
        assert self._ending is not None, "a limit is checked at the start, where an ending is known"
        if self._fits(self._ending, max_tokens):
            return
        shortest = shortest_ending(self._shadow, self._usable, len(self._ending), self._marks)
        self._ending = min(self._ending, shortest or self._ending, key=len)
        num_tokens = len(self.ending())
        if num_tokens > max_tokens:
            raise ConstraintLimitError(
                f"The shortest text found that matches this {self._kind} takes {num_tokens} tokens, and the completion "
                f"may have {max_tokens}: allow more tokens, or ask for less.",
                num_tokens,
                max_tokens,
            )

    def mask(self) -> np.ndarray:
        """As `Matcher.mask`; read-only. Raises ValueError where the constraint became too complex to follow."""
        if self._mask is None:
            # llguidance gives a word more than needed where the vocabulary fills its last word
            mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint32)[: self._num_words]
            self._check()  # in an error llguidance allows the end, which would pass for a match
            self._mask = mask
        return self._mask

    def accept(self, token_id: int) -> None:
        """As `Matcher.accept`. Raises ValueError for a token that may not come, and stays where it was."""
        if not self._accept_end(token_id):
            data = self._vocabulary.token_bytes(token_id)
            shadow = self._shadow_after(data)
            self._advance(token_id, shadow, self._ending_after(shadow, data, room=None))

    def try_accept(self, token_id: int, room: int) -> bool:
        """As `Matcher.try_accept`. Raises ValueError for a token that may not come."""
        if self._accept_end(token_id):
            return True
        data = self._vocabulary.token_bytes(token_id)
        shadow = self._shadow_after(data)
        ending = self._ending_after(shadow, data, room)
        if ending is None:
            return False
        self._advance(token_id, shadow, ending)
        return True

    def forced(self) -> tuple[int, ...]:
        """As `Matcher.forced`."""
        return () if self._has_ended else tuple(self._matcher.compute_ff_tokens())

    def ending(self) -> tuple[int, ...]:
        """As `Matcher.ending`."""
        return (self._vocabulary.encode(self._ending) or ()) if self._ending else ()

    def is_accepting(self) -> bool:
        """As `Matcher.is_accepting`."""
        return self._has_ended or self._matcher.is_accepting()

    def is_finished(self) -> bool:
        """As `Matcher.is_finished`."""
        return self._has_ended or (self._matcher.is_stopped() and self._matcher.is_accepting())

    def _accept_end(self, token_id: int) -> bool:
        """Whether `token_id` ends the completion; True where it did. Raises ValueError where it may not."""
        if self._has_ended:
            raise ValueError(f"Token {token_id} follows the end of a constrained completion.")
        if token_id not in self._eog_ids:
            return False
        if not self._matcher.is_accepting():
            raise ValueError(f"Token {token_id} ends the completion, but its text does not match the constraint yet.")
        self._has_ended = True
        return True

    def _shadow_after(self, data: bytes) -> llguidance.LLMatcher:
        shadow = self._shadow.deep_copy()
        shadow.try_consume_tokens(list(data))
        return shadow

    def _ending_after(self, shadow: llguidance.LLMatcher, data: bytes, room: int | None) -> bytes | None:
        """An ending of at most `room` tokens for the text after `data`, cheap ones first; None where none is found."""
        ending = self._ending
        if ending is not None and ending.startswith(data):
            ending = ending[len(data) :]
        elif ending is None or not closes(shadow, ending):
            ending = find_ending(shadow, self._usable, marks=self._marks)
        if ending is not None and room is not None and not self._fits(ending, room):
            ending = shortest_ending(shadow, self._usable, len(ending), self._marks, FEW_STATES)
            return ending if ending is not None and self._fits(ending, room) else None
        return ending

    def _fits(self, ending: bytes, room: int) -> bool:
        if len(ending) <= room:
            return True  # no token has less than a byte
        ids = self._vocabulary.encode(ending)
        return ids is not None and len(ids) <= room

    def _advance(self, token_id: int, shadow: llguidance.LLMatcher, ending: bytes | None) -> None:
        if self._matcher.try_consume_tokens([token_id]) != 1:
            self._check()
            raise ValueError(f"Token {token_id} may not come here under the constraint; draw from its mask.")
        self._shadow, self._ending, self._mask = shadow, ending, None

    def _check(self) -> None:
        if self._matcher.is_error():
            raise refusal(self._kind, self._matcher.get_error())
