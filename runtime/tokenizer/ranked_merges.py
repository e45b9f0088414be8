"""SentencePiece's merge order told to tiktoken as ranks, for words too long to merge in Python.

Both join the best neighbouring pair, the leftmost of equals, and judge a pair by the token it makes: a better score is
a lower rank. Two differences are bridged. tiktoken starts from bytes, so every character that stands in a token gets
the lowest ranks for putting its bytes together, which happens before anything else; UTF-8 keeps that unambiguous. And
ranks have no ties: a word that holds a token whose score another token shares is not for this engine.
"""

from collections import Counter
from collections.abc import Mapping

from runtime.errors import TokenizerError


class RankedMerges:
    """Merges one word at a time. Safe to share between threads."""

    def __init__(self, scores: Mapping[str, float]) -> None:
        """Args: scores: of every token that merging may make, by its text; a higher score is merged first."""
        from tiktoken import Encoding  # 0.03 s

        counts = Counter(score for token, score in scores.items() if len(token) > 1)
        tied = [token for token, score in scores.items() if len(token) > 1 and counts[score] > 1]
        self._tied = _without_extensions(tied)
        self._tokens = {token for token in scores if len(token) > 1}
        ranks = {bytes([byte]): byte for byte in range(256)}
        for character in sorted({character for token in scores for character in token}):
            content = character.encode()
            for end in range(2, len(content) + 1):
                ranks.setdefault(content[:end], len(ranks))
        for token in sorted(self._tokens, key=lambda token: -scores[token]):
            ranks.setdefault(token.encode(), len(ranks))
        self._pieces = list(ranks)
        self._core = Encoding("merges", pat_str=r"(?s:.)+", mergeable_ranks=ranks, special_tokens={})

    def can_merge(self, word: str) -> bool:
        """Whether `merge` is exact for `word`. A whole word that is a token would come out as one, merged or not."""
        return word not in self._tokens and not any(token in word for token in self._tied)

    def merge(self, word: str) -> list[bytes]:
        """The symbols of `word`: tokens, characters, or the bytes of characters that stand in no token."""
        try:
            ranks = self._core.encode_to_numpy(word)
        except BaseException as error:
            # A Rust panic arrives as a BaseException that is not an Exception; what is not the engine's passes on.
            if isinstance(error, Exception) or type(error).__name__ == "PanicException":
                raise TokenizerError(f"The tokenizer gave up on a word of {len(word):,} characters: {error}") from error
            raise
        pieces = self._pieces
        return [pieces[rank] for rank in ranks.tolist()]


def _without_extensions(tokens: list[str]) -> list[str]:
    """The tokens that hold no other of them: a text without these holds none of the rest."""
    kept: list[str] = []
    for token in sorted(tokens, key=len):
        if not any(shorter in token for shorter in kept):
            kept.append(token)
    return kept
