"""A short text that completes a constrained one from where it stands.

llguidance says what may come next, not how far the end is. So the end is searched for, byte by byte, on a matcher over
single bytes: first greedily, which is nearly always good; where that finds nothing, or nothing short enough, by a
bounded best-first search. Either way the ending is one that the grammar has accepted, never a guess.
"""

import heapq
from itertools import chain, count

import llguidance

MAX_ENDING_BYTES = 4096
ALL_BYTES = (1 << 256) - 1
MAX_STATES = 600  # that a best-first search looks at: some tens of milliseconds
_CLOSERS = b'"}])>,:'
_LIKELY = _CLOSERS + b"\n 0a@.-A"
_PUNCTUATION = b"/_=&#!?%*+;<|~$'(-[\\]^`{"
_PROLONGING = b".-+eE\\"  # what makes a number, a name or a string longer
_CHINESE_MARKS = tuple(
    mark.encode() for mark in "。？！；）」』”"
)  # of several bytes, which a byte alone does not find
_LONG = 24  # bytes; then a mark is worth a look
_FEW = 4


def find_ending(
    state: llguidance.LLMatcher, usable: int = ALL_BYTES, max_bytes: int = MAX_ENDING_BYTES
) -> bytes | None:
    """Bytes that complete the text of `state`, a matcher over single bytes, which is left as it is.

    Args:
        usable: the bytes an ending may be made of, as bits of one number.

    Returns:
        At most `max_bytes` bytes, not always the fewest; b"" where the text may end here; None where none were found,
        which does not prove that there are none.
    """
    ending = _greedy(state.deep_copy(), usable, max_bytes)
    if ending is None or len(ending) > _LONG:
        for mark in _CHINESE_MARKS:
            if all(usable >> byte & 1 for byte in mark) and len(mark) <= max_bytes and closes(state, mark):
                return mark
    return _best_first(state, usable, max_bytes) if ending is None else ending


def closes(state: llguidance.LLMatcher, ending: bytes) -> bool:
    """Whether `ending` completes the text of `state`, which is left as it is."""
    after = state.deep_copy()
    return after.try_consume_tokens(list(ending)) == len(ending) and after.is_accepting()


def shortest_ending(
    state: llguidance.LLMatcher, usable: int = ALL_BYTES, max_bytes: int = MAX_ENDING_BYTES
) -> bytes | None:
    """As `find_ending`, of both searches the shorter outcome."""
    greedy = _greedy(state.deep_copy(), usable, max_bytes)
    searched = _best_first(state, usable, max_bytes if greedy is None else len(greedy))
    return min((ending for ending in (greedy, searched) if ending is not None), key=len, default=None)


def _greedy(state: llguidance.LLMatcher, usable: int, max_bytes: int) -> bytes | None:
    """Close what can be closed, else write what could not be written a byte before, else what is most usual."""
    ending = bytearray()
    before = tried = 0  # what was allowed before the last byte; bytes that since then changed nothing of it
    while len(ending) <= max_bytes:
        if state.is_accepting():
            return bytes(ending)
        step = state.compute_ff_bytes()
        if not step:
            allowed = _allowed(state) & usable
            if not allowed:
                return None
            tried = tried if allowed == before else 0
            byte = _pick(allowed, allowed & ~before, tried)
            before, tried = allowed, tried | 1 << byte
            step = bytes([byte])
        elif not all(usable >> byte & 1 for byte in step):
            return None
        if state.try_consume_tokens(list(step)) != len(step):
            return None
        ending += step
    return None


def _pick(allowed: int, new: int, tried: int) -> int:
    """One byte of `allowed`; `new` are those that were not allowed before the last byte."""
    if new.bit_count() <= _FEW:
        others = (byte for byte in range(256) if byte not in _CLOSERS and byte not in _PROLONGING)
        usual = [byte for byte in (*_CLOSERS, *others, *_PROLONGING) if new >> byte & 1]
    else:
        usual = [*b'"', *(byte for byte in (*_CLOSERS, *_LIKELY) if new >> byte & 1)]
    untried = allowed & ~tried
    byte: int
    for byte in chain(usual, _LIKELY, _PUNCTUATION):
        if untried >> byte & 1:
            return byte
    return ord("a") if allowed >> ord("a") & 1 else _lowest(allowed)


def _best_first(state: llguidance.LLMatcher, usable: int, max_bytes: int) -> bytes | None:
    """The shortest ending among those that representatives of the allowed bytes lead to."""
    order = count()
    heap = [(0, next(order), b"", state.deep_copy())]
    seen: set[tuple[int, bytes]] = set()
    for _ in range(MAX_STATES):
        if not heap:
            return None
        num_bytes, _, ending, here = heapq.heappop(heap)
        if here.is_accepting():
            return ending
        forced = here.compute_ff_bytes()
        steps = [forced] if forced else [bytes([byte]) for byte in _representatives(_allowed(here) & usable)]
        for step in steps:
            if num_bytes + len(step) > max_bytes or not all(usable >> byte & 1 for byte in step):
                continue
            there = here.deep_copy()
            if there.try_consume_tokens(list(step)) != len(step):
                continue
            signature = (_allowed(there), bytes([there.is_accepting()]) + there.compute_ff_bytes())
            if signature in seen and not forced:
                continue
            seen.add(signature)
            heapq.heappush(heap, (num_bytes + len(step), next(order), ending + step, there))
    return None


def _representatives(allowed: int) -> list[int]:
    """Every allowed byte where they are few; else punctuation and one of each kind."""
    if allowed.bit_count() <= 16:
        return [byte for byte in range(256) if allowed >> byte & 1]
    return [*(byte for byte in _LIKELY if allowed >> byte & 1), _lowest(allowed)]


def _allowed(state: llguidance.LLMatcher) -> int:
    """The bytes that may come next, as bits of one number."""
    return int.from_bytes(state.compute_bitmask()[:32], "little")


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1
