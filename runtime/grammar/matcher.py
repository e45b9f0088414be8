"""Constraints compiled by llguidance: at each step, which tokens keep the text on its way to a match, and how to end.

Where only one text can follow, llguidance asks for that text as the tokenizer would write it, since that is what the
model was trained to see.

A completion that reaches its limit in the middle of a match would be worthless, and llguidance does not know how far
the end is. So an ending is always at hand: tokens that were checked to complete the text. A drawn token is taken only
if the ending still fits after it, or a new one that fits is found; when neither holds for any token that is tried, the
ending is what comes next. The check runs on a second matcher over single bytes, which costs tens of microseconds.
"""

import threading
import weakref
from collections import OrderedDict

import llguidance
import numpy as np

from runtime.errors import ConstraintLimitError
from runtime.grammar.base import Constraint, Matcher
from runtime.grammar.ending import closes, find_ending, shortest_ending
from runtime.grammar.source import grammar_of, refusal
from runtime.grammar.vocabulary import byte_tables, vocabulary_of
from runtime.tokenizer.base import Tokenizer

MAX_COMPILED = 64  # constraints kept for each tokenizer


def compile_constraint(constraint: Constraint, tokenizer: Tokenizer, max_tokens: int | None = None) -> Matcher:
    """A matcher at the start of a completion.

    Args:
        max_tokens: what the completion may take; None where there is no limit.

    Raises:
        ValueError: a constraint that cannot be read, is too large, or that no text matches; or a tokenizer without
            an end-of-generation token, which could never stop.
        ConstraintLimitError: no text that matches was found to fit in `max_tokens`.
    """
    if not tokenizer.eog_ids:
        raise ValueError("This vocabulary has no end-of-generation token, so a constrained completion could not end.")
    matcher = _compiled_once(constraint, tokenizer).copy()
    if max_tokens is not None:
        matcher.check_limit(max_tokens)
    return matcher


class ClosingMatcher:
    """A `Matcher`. The next mask is computed once, when first asked for.

    Its ending is None where the search finds none; then tokens are taken without one, as by a plain matcher.
    """

    def __init__(self, constraint: Constraint, tokenizer: Tokenizer) -> None:
        grammar = grammar_of(constraint)
        self._kind = constraint.kind
        self._vocabulary = vocabulary_of(tokenizer)
        self._usable = self._vocabulary.single_bytes
        self._eog_ids = tokenizer.eog_ids
        self._num_words = -(-tokenizer.vocab_size // 32)
        self._matcher = llguidance.LLMatcher(self._vocabulary.tables, grammar, log_level=0)
        self._mask: np.ndarray | None = None
        self._has_ended = False
        self.mask()  # some constraints turn out impossible only now
        self._shadow = llguidance.LLMatcher(byte_tables(), grammar, log_level=0)
        self._after = constraint.after.encode()  # b"" once the free text is over
        self._free_text = b""  # the last of it, to see its end
        self._ending = self._find_ending(self._shadow)

    def copy(self) -> "ClosingMatcher":
        """The same state, to go on from separately."""
        other = object.__new__(ClosingMatcher)
        other.__dict__.update(self.__dict__)
        other._matcher = self._matcher.deep_copy()
        other._shadow = self._shadow.deep_copy()
        return other

    def check_limit(self, max_tokens: int) -> None:
        """Make sure that a match fits in `max_tokens`. Raises ConstraintLimitError where none is found that does."""
        if self._ending is None or self._fits(self._ending, max_tokens):
            return
        self._ending = min(self._ending, shortest_ending(self._shadow, self._usable) or self._ending, key=len)
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
        if ending is None and self._ending is not None:
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
        if self._ending is None:
            return None
        if self._ending.startswith(data):
            ending: bytes | None = self._ending[len(data) :]
        elif closes(shadow, self._ending):
            ending = self._ending
        else:
            ending = self._find_ending(shadow)
        if ending is not None and room is not None and not self._fits(ending, room):
            ending = shortest_ending(shadow, self._usable, len(ending))
            return ending if ending is not None and self._fits(ending, room) else None
        return ending

    def _find_ending(self, shadow: llguidance.LLMatcher) -> bytes | None:
        """An ending; in free text the mark that ends it comes first, for no search would find that."""
        if self._after:
            body = shadow.deep_copy()
            if body.try_consume_tokens(list(self._after)) == len(self._after):
                ending = find_ending(body, self._usable)
                if ending is not None:
                    return self._after + ending
        return find_ending(shadow, self._usable)

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
        if self._after:
            self._free_text += self._vocabulary.token_bytes(token_id)
            if self._after in self._free_text:
                self._after = b""
            self._free_text = self._free_text[-len(self._after) :] if self._after else b""

    def _check(self) -> None:
        if self._matcher.is_error():
            raise refusal(self._kind, self._matcher.get_error())


_compiled: weakref.WeakKeyDictionary[Tokenizer, OrderedDict[Constraint, ClosingMatcher]] = weakref.WeakKeyDictionary()
_compiling = threading.Lock()


def _compiled_once(constraint: Constraint, tokenizer: Tokenizer) -> ClosingMatcher:
    """The matcher of a constraint at its start, to be copied: of the last `MAX_COMPILED` each is made once."""
    with _compiling:
        known = _compiled.setdefault(tokenizer, OrderedDict())
        if constraint not in known:
            known[constraint] = ClosingMatcher(constraint, tokenizer)
            while len(known) > MAX_COMPILED:
                known.popitem(last=False)
        known.move_to_end(constraint)
        return known[constraint]
