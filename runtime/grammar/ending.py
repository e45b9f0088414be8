"""A short text that completes a constrained one from where it stands.

llguidance says what may come next, not how far the end is. So the end is searched for, byte by byte, on a matcher over
single bytes: first greedily, which is nearly always good; where that finds nothing, or nothing short enough, by a
bounded best-first search. Free text may have to reach several bytes in a row before it can end, which no search over
bytes would hit upon; `marks` are texts to try there (`runtime/grammar/marks.py`). Either way the ending is one that the
grammar has accepted, never a guess.
"""

import heapq
from collections.abc import Sequence
from itertools import chain, count

import llguidance

MAX_ENDING_BYTES = 1 << 17
MAX_PICKS = 4096  # bytes of an ending that were chosen, not forced: some tens of milliseconds
ALL_BYTES = (1 << 256) - 1
MAX_STATES = 600  # that a best-first search looks at: some tens of milliseconds
_BRACKETS = b"}])>"
_CLOSERS = b'"}])>,:'
_LIKELY = _CLOSERS + b"\n 0a@.-A"
_PUNCTUATION = b"/_=&#!?%*+;|~$'\\^`"
_OPENERS = b"([{<"  # each would want its closer
_PROLONGING = b".-+eE\\"  # what makes a number, a name or a string longer
_CHINESE_MARKS = tuple(
    mark.encode() for mark in "。？！；）」』”"
)  # of several bytes, which a byte alone does not find
_LONG = 24  # bytes; then a mark is worth a look
_FEW = 4
_FREE = 100  # allowed bytes; from there on a text is free


def find_ending(
    state: llguidance.LLMatcher,
    usable: int = ALL_BYTES,
    max_bytes: int = MAX_ENDING_BYTES,
    marks: Sequence[bytes] = (),
) -> bytes | None:
    """Bytes that complete the text of `state`, a matcher over single bytes, which is left as it is.

    Args:
        usable: the bytes an ending may be made of, as bits of one number.
        marks: what free text may have to reach before it can end.

    Returns:
        At most `max_bytes` bytes, not always the fewest; b"" where the text may end here; None where none were found,
        which does not prove that there are none.
    """
    ending = _greedy(state.deep_copy(), usable, max_bytes, marks)
    if ending is None or len(ending) > _LONG:
        for mark in _CHINESE_MARKS:
            if _is_usable(mark, usable) and len(mark) <= max_bytes and closes(state, mark):
                return mark
    return _best_first(state, usable, max_bytes, marks) if ending is None else ending


def closes(state: llguidance.LLMatcher, ending: bytes) -> bool:
    """Whether `ending` completes the text of `state`, which is left as it is."""
    after = state.deep_copy()
    return after.try_consume_tokens(list(ending)) == len(ending) and after.is_accepting()


def shortest_ending(
    state: llguidance.LLMatcher,
    usable: int = ALL_BYTES,
    max_bytes: int = MAX_ENDING_BYTES,
    marks: Sequence[bytes] = (),
    max_states: int = MAX_STATES,
) -> bytes | None:
    """As `find_ending`, of both searches the shorter outcome."""
    greedy = _greedy(state.deep_copy(), usable, max_bytes, marks)
    searched = _best_first(state, usable, max_bytes if greedy is None else len(greedy), marks, max_states)
    return min((ending for ending in (greedy, searched) if ending is not None), key=len, default=None)


def _greedy(state: llguidance.LLMatcher, usable: int, max_bytes: int, marks: Sequence[bytes]) -> bytes | None:
    """Close what can be closed, else write what could not be written a byte before, else what is most usual."""
    ending = bytearray()
    unused = [mark for mark in marks if _is_usable(mark, usable)]
    before = tried = num_picks = 0  # what was allowed before the last byte; bytes that since then changed nothing of it
    while len(ending) <= max_bytes and num_picks <= MAX_PICKS:
        if state.is_accepting():
            return bytes(ending)
        step = state.compute_ff_bytes()
        if not step:
            allowed = _allowed(state) & usable
            if not allowed:
                return None
            # now and then again: a mark may have to wait until a text is long enough
            is_worth_it = allowed != before or num_picks.bit_count() == 1
            mark = _useful_mark(state, allowed, usable, unused) if is_worth_it else None
            if mark is not None:
                unused.remove(mark)
                before, tried, step = 0, 0, mark
            else:
                tried = tried if allowed == before else 0
                byte = _pick(allowed, allowed & ~before, tried)
                before, tried, num_picks, step = allowed, tried | 1 << byte, num_picks + 1, bytes([byte])
        elif not _is_usable(step, usable):
            return None
        else:
            tried = 0  # what comes after is another place, though it may look the same
        if state.try_consume_tokens(list(step)) != len(step):
            return None
        ending += step
    return None


def _useful_mark(state: llguidance.LLMatcher, allowed: int, usable: int, marks: Sequence[bytes]) -> bytes | None:
    """The first of `marks` that may come here, where text is free, and after which something else may."""
    if allowed.bit_count() < _FREE:
        return None
    for mark in marks:
        there = state.deep_copy()
        if there.try_consume_tokens(list(mark)) == len(mark) and (
            there.is_accepting() or _allowed(there) & usable != allowed
        ):
            return mark
    return None


def _pick(allowed: int, new: int, tried: int) -> int:
    """One byte of `allowed`; `new` are those that were not allowed before the last byte."""
    untried = allowed & ~tried
    byte: int
    if allowed.bit_count() < _FREE:
        for byte in _BRACKETS:  # a comma may be new, and lead on and on
            if untried >> byte & 1:
                return byte
    if new.bit_count() <= _FEW:
        others = (byte for byte in range(256) if byte not in _CLOSERS and byte not in _PROLONGING)
        usual = [byte for byte in (*_CLOSERS, *others, *_PROLONGING) if new >> byte & 1]
    else:
        usual = [*b'"', *(byte for byte in (*_CLOSERS, *_LIKELY) if new >> byte & 1)]
    for byte in chain(usual, _LIKELY, b"1", _PUNCTUATION):
        if untried >> byte & 1:
            return byte
    if allowed >> ord("a") & 1:
        return ord("a")
    harmless = [byte for byte in range(256) if untried >> byte & 1 and byte not in _OPENERS]
    return harmless[0] if harmless else _lowest(untried or allowed)


def _best_first(
    state: llguidance.LLMatcher, usable: int, max_bytes: int, marks: Sequence[bytes], max_states: int = MAX_STATES
) -> bytes | None:
    """The shortest ending among those that marks and representatives of the allowed bytes lead to."""
    order = count()
    heap = [(0, next(order), b"", state.deep_copy())]
    seen: set[tuple[int, bool, bytes, int]] = set()
    for _ in range(max_states):
        if not heap:
            return None
        num_bytes, _, ending, here = heapq.heappop(heap)
        if here.is_accepting():
            return ending
        forced = here.compute_ff_bytes()
        steps = [forced] if forced else _steps(_allowed(here) & usable, marks)
        for step in steps:
            if num_bytes + len(step) > max_bytes or not _is_usable(step, usable):
                continue
            there = here.deep_copy()
            if there.try_consume_tokens(list(step)) != len(step):
                continue
            after = ending + step
            signature = (_allowed(there), there.is_accepting(), there.compute_ff_bytes(), _num_open(after))
            if signature in seen and not forced:
                continue
            seen.add(signature)
            heapq.heappush(heap, (num_bytes + len(step), next(order), after, there))
    return None


def _steps(allowed: int, marks: Sequence[bytes]) -> list[bytes]:
    single = [bytes([byte]) for byte in _representatives(allowed)]
    return [*single, *marks] if allowed.bit_count() >= _FREE else single


def _representatives(allowed: int) -> list[int]:
    """Every allowed byte where they are few; else punctuation and one of each kind."""
    if allowed.bit_count() <= 16:
        return [byte for byte in range(256) if allowed >> byte & 1]
    return [*(byte for byte in _LIKELY if allowed >> byte & 1), _lowest(allowed)]


def _num_open(text: bytes) -> int:
    """Brackets left open, which tells states apart that allow the same next byte."""
    return sum(map(text.count, (b"{", b"[", b"("))) - sum(map(text.count, (b"}", b"]", b")")))


def _allowed(state: llguidance.LLMatcher) -> int:
    """The bytes that may come next, as bits of one number."""
    return int.from_bytes(state.compute_bitmask()[:32], "little")


def _is_usable(data: bytes, usable: int) -> bool:
    return all(usable >> byte & 1 for byte in data)


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
