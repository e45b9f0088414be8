"""Stop strings over streamed text: what could still become one is held back, what is one never gets out."""

from collections.abc import Sequence


class StopText:
    """Passes text on until one of `stops` is complete. The same text gives the same answer however it is divided.

    The stop string that is complete first counts; of two that end together, the longer.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.is_stopped = False

    def push(self, text: str) -> str:
        """Text that can be shown now. Once `is_stopped`, nothing follows."""
        if self.is_stopped:
            return ""
        held = self._held + text
        found = [(at + len(stop), at) for stop in self._stops if (at := held.find(stop)) >= 0]
        if found:
            self.is_stopped = True
            self._held = ""
            return held[: min(found)[1]]
        num_held = max((_len_of_start(stop, held) for stop in self._stops), default=0)
        self._held = held[len(held) - num_held :]
        return held[: len(held) - num_held]

    def flush(self) -> str:
        """What was held back and now can no longer become a stop string."""
        held, self._held = self._held, ""
        return held


def _len_of_start(stop: str, text: str) -> int:
    """Length of the longest ending of `text` that `stop` begins with, short of all of it."""
    longest = min(len(stop) - 1, len(text))
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
