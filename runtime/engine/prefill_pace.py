"""How many prompt tokens a step takes: as many as the machine reads in a moment.

Between two steps a request can be cancelled, its deadline is looked at, and the other requests get their token. On a
busy machine, for a large model or far into a long prompt, chunks of one size would make all of them wait for seconds.
"""

MAX_CHUNK = 256  # tokens; more make the products no faster
MIN_CHUNK = 32
TARGET_S = 0.4  # of a step


class PrefillPace:
    """The size of the next chunk, from how long the last ones took."""

    def __init__(self, max_chunk: int = MAX_CHUNK) -> None:
        self._max_chunk = max_chunk
        self.chunk = max_chunk  # tokens

    def note(self, num_tokens: int, seconds: float) -> None:
        """A step of `num_tokens` was made: halve the chunk where it took too long, double it where two would fit."""
        if num_tokens < self.chunk:
            return  # says nothing of a whole chunk
        if seconds > TARGET_S:
            self.chunk = max(min(MIN_CHUNK, self._max_chunk), self.chunk // 2)
        elif seconds < TARGET_S / 3:
            self.chunk = min(self._max_chunk, self.chunk * 2)
