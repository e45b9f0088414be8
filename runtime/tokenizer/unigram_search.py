"""The best cut of a text into Unigram tokens, for the first few texts.

The engine of the `tokenizers` library cuts faster, but takes 0.6 s of processor time to be given 250,000 tokens; a
question is cut here long before that. Both add the scores in the same order and keep the first of two equal cuts, so
they give the same ids.

Source: the Viterbi search of Kudo, arXiv:1804.10959, section 3.2; an unknown character scores as in SentencePiece.
"""

import re
from collections.abc import Mapping, Sequence
from math import inf

SPACE = "▁"
_UNKNOWN_PENALTY = 10.0  # below the least score of the vocabulary
_WORDS = re.compile(f"{SPACE}?[^{SPACE}]+|{SPACE}")


class UnigramSearch:
    """Cuts text with a dictionary of tokens. Fixed once made.

    Args:
        ids: of every spelling that plain text can match.
        scores: of every token, higher is likelier.
        unknown_id: of a run of characters that no token matches.
        adds_space: text begins as if a space came before it.
        one_word: no token reaches over a space, so that words can be cut one by one.
    """

    def __init__(
        self, ids: Mapping[str, int], scores: Sequence[float], unknown_id: int, *, adds_space: bool, one_word: bool
    ) -> None:
        self._ids = ids
        self._scores = scores
        self._unknown_id = unknown_id
        self._unknown_score = min(scores) - _UNKNOWN_PENALTY
        self._longest = max(map(len, ids), default=1)
        self._adds_space = adds_space
        self._one_word = one_word

    def cut(self, text: str) -> list[int]:
        """Ids of `text`, which is normalised."""
        marked = text.replace(" ", SPACE)
        if self._adds_space and not marked.startswith(SPACE):
            marked = SPACE + marked
        words = _WORDS.findall(marked) if self._one_word else [marked]
        return [token_id for word in words for token_id in self._cut_word(word)]

    def _cut_word(self, word: str) -> list[int]:
        """Best scores from left to right, then the way back."""
        ids, scores, longest = self._ids, self._scores, self._longest
        best, came_from = [0.0] + [-inf] * len(word), [-1] * (len(word) + 1)
        is_known = [True] * (len(word) + 1)
        for start in range(len(word)):
            so_far = best[start]
            for end in range(start + 1, min(start + longest, len(word)) + 1):
                token_id = ids.get(word[start:end])
                if token_id is not None and (came_from[end] < 0 or scores[token_id] + so_far > best[end]):
                    best[end], came_from[end], is_known[end] = scores[token_id] + so_far, start, True
            if word[start] not in ids and (came_from[start + 1] < 0 or self._unknown_score + so_far > best[start + 1]):
                best[start + 1], came_from[start + 1], is_known[start + 1] = self._unknown_score + so_far, start, False
        return self._walk_back(word, came_from, is_known)

    def _walk_back(self, word: str, came_from: list[int], is_known: list[bool]) -> list[int]:
        """The ids along the best cut; unknown characters in a row are one token."""
        cut: list[int] = []
        end = len(word)
        while end > 0:
            start = came_from[end]
            if is_known[end]:
                cut.append(self._ids[word[start:end]])
            else:
                while start > 0 and not is_known[start]:
                    start = came_from[start]
                cut.append(self._ids.get(word[start:end], self._unknown_id))
            end = start
        cut.reverse()
        return cut
