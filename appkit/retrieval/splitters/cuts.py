"""Cutting what is too large for a chunk: a sentence of a thousand words, or a megabyte without a space."""

import re
import unicodedata
from collections.abc import Callable, Iterator

from appkit.retrieval.sentences import trimmed
from appkit.retrieval.splitters.borders import FAR_APART, Atom, Border

_CHARACTERS_PER_TOKEN = 8  # more than ordinary text has: longer pieces are cut without being counted first
_WINDOW = 400  # characters to each side of the middle in which a better place to cut is looked for
_CLAUSE = re.compile(r"[，、：,:;)）]\s*|[—–]+\s*")
_BLANK = re.compile(r"\s+")
_LONGEST_FLAG_RUN = 1000  # letters looked back at, an even number
_JOINERS = frozenset("\u200c\u200d")


def cut_atom(text: str, atom: Atom, max_tokens: int, count_tokens: Callable[[str], int]) -> Iterator[Atom]:
    """The atom in pieces of at most `max_tokens` as counted alone, halved at clauses, words or, last, characters.

    Time is linear: every halving counts each character once, and pieces far over the limit are not counted.
    A single character is never cut, whatever it counts.
    """
    pending = [atom]
    while pending:
        piece = pending.pop()
        is_one = piece.end - piece.start == 1
        if is_one or (
            not is_far_too_long(piece, max_tokens) and count_tokens(text[piece.start : piece.end]) <= max_tokens
        ):
            yield piece
        else:
            pending.extend(reversed(_halves(text, piece)))


def is_far_too_long(atom: Atom, max_tokens: int) -> bool:
    """Whether an atom need not be counted: tokenizers are slow on a megabyte without spaces."""
    return atom.end - atom.start > max_tokens * _CHARACTERS_PER_TOKEN


def _halves(text: str, atom: Atom) -> list[Atom]:
    cut, border = _best_cut(text, atom.start, atom.end)
    halves: list[Atom] = []
    for start, end in (*trimmed(text, atom.start, cut), *trimmed(text, cut, atom.end)):
        before = atom.border if not halves else border
        if halves and start - halves[0].end > FAR_APART:
            before = Border.GAP
        halves.append(Atom(start, end, before))
    return halves


def _best_cut(text: str, start: int, end: int) -> tuple[int, Border]:
    """A place strictly inside the span, near its middle, and its kind."""
    middle = (start + end) // 2
    reach = min(_WINDOW, (end - start) // 4)
    for pattern, border in ((_CLAUSE, Border.CLAUSE), (_BLANK, Border.WORD)):
        ends = [match.end() for match in pattern.finditer(text, middle - reach, middle + reach)]
        inside = [cut for cut in ends if start < cut < end and is_safe_cut(text, cut)]
        if inside:
            return min(inside, key=lambda cut: abs(cut - middle)), border
    for distance in range((end - start) // 2 + 1):
        for cut in (middle - distance, middle + distance):
            if start < cut < end and is_safe_cut(text, cut):
                return cut, Border.CHARACTER
    return middle, Border.CHARACTER  # thousands of accents on one letter: nothing better is left


def is_safe_cut(text: str, cut: int) -> bool:
    """Whether no CRLF, surrogate pair, accent, emoji sequence or flag is torn apart between `cut - 1` and `cut`."""
    if not 0 < cut < len(text):
        return True
    before, after = text[cut - 1], text[cut]
    if before.isascii() and after.isascii():
        return not (before == "\r" and after == "\n")
    if before in _JOINERS or after in _JOINERS or unicodedata.category(after)[0] == "M":
        return False
    if "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff":
        return False
    if "\U0001f3fb" <= after <= "\U0001f3ff":  # a skin tone
        return False
    return not _is_inside_flag(text, cut)


def _is_inside_flag(text: str, cut: int) -> bool:
    """Whether the cut is between the two letters of a flag: an odd number of them comes before it."""
    first = cut
    while first > max(0, cut - _LONGEST_FLAG_RUN) and _is_flag_letter(text[first - 1]):
        first -= 1
    return (cut - first) % 2 == 1 and _is_flag_letter(text[cut])


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
