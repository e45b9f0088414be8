"""Finds tokens that are spelled out in a text as one unit: control tokens where asked for, user-defined ones always.

The leftmost match wins, and the longest of those that start there: what Hugging Face's tokenizers and SentencePiece
do with such tokens.
"""

import re
from collections.abc import Iterator, Mapping


class SpecialTokens:
    """A fixed set of spellings, found in time proportional to the text whatever their number.

    The spellings (Gemma has 6,400) are grouped by their first two characters; one regular expression finds places
    where a group may start, and there the group's lengths are tried, longest first.
    """

    def __init__(self, ids: Mapping[str, int], *, strips_right: frozenset[int] = frozenset()) -> None:
        """Args: ids: token by spelling, no empty one; strips_right: tokens that swallow the white space after them."""
        self._ids = dict(ids)
        self._strips_right = strips_right
        lengths: dict[str, set[int]] = {}
        for spelling in self._ids:
            lengths.setdefault(spelling[:2], set()).add(len(spelling))
        self._lengths = {start: sorted(group, reverse=True) for start, group in lengths.items()}
        self._start = _first_characters(lengths) if lengths else None

    def __len__(self) -> int:
        return len(self._ids)

    def get(self, spelling: str) -> int | None:
        """Id of the token spelled so, or None."""
        return self._ids.get(spelling)

    def split(self, text: str) -> Iterator[str | int]:
        """Stretches of text (never empty) and token ids, in order."""
        done = position = 0
        while self._start is not None and (found := self._start.search(text, position)):
            start = found.start()
            spelling = self._longest_at(text, start)
            if spelling is None:
                position = start + 1
                continue
            if start > done:
                yield text[done:start]
            token_id = self._ids[spelling]
            yield token_id
            done = position = self._end_of(text, start + len(spelling), token_id)
        if done < len(text):
            yield text[done:]

    def _longest_at(self, text: str, start: int) -> str | None:
        for length in (*self._lengths.get(text[start : start + 2], ()), *self._lengths.get(text[start], ())):
            if (spelling := text[start : start + length]) in self._ids:
                return spelling
        return None

    def _end_of(self, text: str, end: int, token_id: int) -> int:
        if token_id in self._strips_right:
            while end < len(text) and text[end] in " \t\n\r\v\f":
                end += 1
        return end


def _first_characters(starts: Mapping[str, object]) -> re.Pattern[str]:
    """Matches wherever one of the one- or two-character `starts` stands."""
    second: dict[str, str] = {}
    for start in starts:
        second[start[0]] = second.get(start[0], "") + start[1:]
    alone = {start for start in starts if len(start) == 1}
    return re.compile(
        "|".join(
            re.escape(first) if first in alone else f"{re.escape(first)}(?=[{re.escape(seconds)}])"
            for first, seconds in sorted(second.items())
        )
    )
