"""From a constraint to a matcher at the start of a completion; what was compiled lately is kept, in bounded memory."""

import threading
import weakref
from collections import OrderedDict

from runtime.grammar.base import Constraint, Matcher
from runtime.grammar.closing import ClosingMatcher
from runtime.grammar.cost import is_plain
from runtime.grammar.trial import try_compile
from runtime.tokenizer.base import Tokenizer

MAX_COMPILED = 64  # constraints kept for each tokenizer
MAX_COMPILED_BYTES = 256 << 20  # of these together, as estimated
PLAIN_BYTES = 4 << 20  # of a constraint that is cheap to compile, at most


def compile_constraint(constraint: Constraint, tokenizer: Tokenizer, max_tokens: int | None = None) -> Matcher:
    """A matcher at the start of a completion. What was compiled lately is not compiled again.

    Args:
        max_tokens: what the completion may take; None where there is no limit.

    Raises:
        ValueError: a constraint that cannot be read, takes too much to compile, or that no text matches; or a tokenizer
            without an end-of-generation token, which could never stop.
        ConstraintLimitError: no text that matches was found to fit in `max_tokens`.
    """
    if not tokenizer.eog_ids:
        raise ValueError("This vocabulary has no end-of-generation token, so a constrained completion could not end.")
    matcher = _compiled_for(tokenizer).matcher(constraint, tokenizer)
    if max_tokens is not None:
        matcher.check_limit(max_tokens)
    return matcher


class _Entry:
    """One constraint. Its lock is held while it is compiled, so that others wait for the outcome."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.matcher: ClosingMatcher | None = None
        self.num_bytes = PLAIN_BYTES


class CompiledConstraints:
    """Owns the compiled constraints of one tokenizer, the latest used last. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # of the order; never held while compiling
        self._entries: OrderedDict[Constraint, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, constraint: Constraint) -> bool:
        return constraint in self._entries

    def matcher(self, constraint: Constraint, tokenizer: Tokenizer) -> ClosingMatcher:
        """A matcher at the start of a completion, the caller's own. Raises as `ClosingMatcher` and `try_compile`."""
        with self._lock:
            entry = self._entries.setdefault(constraint, _Entry())
            self._entries.move_to_end(constraint)
        with entry.lock:
            if entry.matcher is None:
                self._compile(entry, constraint, tokenizer)
            assert entry.matcher is not None
            return entry.matcher.copy()

    def _compile(self, entry: _Entry, constraint: Constraint, tokenizer: Tokenizer) -> None:
        try:
            if not is_plain(constraint):
                entry.num_bytes = max(PLAIN_BYTES, 2 * try_compile(constraint))  # over bytes, and over the vocabulary
            entry.matcher = ClosingMatcher(constraint, tokenizer)
        except BaseException:
            with self._lock:
                if self._entries.get(constraint) is entry:
                    del self._entries[constraint]
            raise
        with self._lock:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """What is in use lives on in its copies."""
        num_bytes = sum(entry.num_bytes for entry in self._entries.values())
        while len(self._entries) > MAX_COMPILED or (num_bytes > MAX_COMPILED_BYTES and len(self._entries) > 1):
            _, oldest = self._entries.popitem(last=False)
            num_bytes -= oldest.num_bytes


_of_tokenizer: weakref.WeakKeyDictionary[Tokenizer, CompiledConstraints] = weakref.WeakKeyDictionary()
_adding = threading.Lock()


def _compiled_for(tokenizer: Tokenizer) -> CompiledConstraints:
    """The compiled constraints of `tokenizer`, kept as long as it lives."""
    with _adding:
        return _of_tokenizer.setdefault(tokenizer, CompiledConstraints())
