"""Atoms into chunks: as many as fit, each ending at a good border, then a little of it again."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator

from appkit.retrieval.sentences import Span
from appkit.retrieval.splitters.borders import Atom, Border
from appkit.retrieval.splitters.cuts import cut_atom, is_far_too_long

CountTokens = Callable[[str], int]
MIN_TOKENS = 8  # enough for any single character, with the start token that some tokenizers add
TINY = 16  # a chunk below max_tokens / TINY does not end at a CHAPTER


def check_sizes(max_tokens: int, overlap_tokens: int) -> None:
    """Raise ValueError for sizes that no chunks can have."""
    if max_tokens < MIN_TOKENS:
        raise ValueError(f"max_tokens is {max_tokens}; chunks need room for at least {MIN_TOKENS} tokens.")
    if not 0 <= overlap_tokens < max_tokens:
        raise ValueError(f"overlap_tokens is {overlap_tokens}; it must be from 0 to max_tokens - 1 = {max_tokens - 1}.")


def pack(
    text: str, atoms: Iterable[Atom], *, max_tokens: int, overlap_tokens: int, count_tokens: CountTokens
) -> list[Span]:
    """Spans of the chunks, in order; each counts at most `max_tokens` as it stands.

    Every atom is counted once and sums decide where a chunk may end; the chunk itself is then counted, and shortened
    where the sum was too hopeful. Consecutive chunks share up to `overlap_tokens` of whole sentences, never across a
    `SECTION` or a stronger border.

    Raises:
        ValueError: the sizes are impossible, or a single character counts more than `max_tokens`.
    """
    check_sizes(max_tokens, overlap_tokens)
    return list(_Packer(text, atoms, max_tokens, overlap_tokens, count_tokens).spans())


class _Packer:
    """The atoms of one text with the running sum of their sizes; nothing changes once it is made."""

    def __init__(
        self, text: str, atoms: Iterable[Atom], max_tokens: int, overlap_tokens: int, count_tokens: CountTokens
    ) -> None:
        self.text = text
        self.max_tokens = max_tokens
        self.overlap_tokens = overlap_tokens
        self.count_tokens = count_tokens
        self.extra = count_tokens("")  # a start token counts with every atom and only once in a chunk
        self.atoms: list[Atom] = []
        self.sums = [0]  # tokens before each atom, and in all
        for atom in atoms:
            self._add(atom)
        self.hard = [idx for idx, atom in enumerate(self.atoms) if atom.border >= Border.CHAPTER]

    def _add(self, atom: Atom) -> None:
        if not is_far_too_long(atom, self.max_tokens):
            size = self._size(atom)
            if size + self.extra <= self.max_tokens:
                self.atoms.append(atom)
                self.sums.append(self.sums[-1] + size)
                return
        for piece in cut_atom(self.text, atom, max(MIN_TOKENS, self.max_tokens // 4), self.count_tokens):
            self.atoms.append(piece)
            self.sums.append(self.sums[-1] + self._size(piece))

    def _size(self, atom: Atom) -> int:
        """Tokens of an atom with a space before it, as most tokenizers join a space to the word that follows."""
        start = atom.start
        while start > max(0, atom.start - 2) and self.text[start - 1].isspace():
            start -= 1
        return self.count_tokens(self.text[start : atom.end]) - self.extra

    def spans(self) -> Iterator[Span]:
        first, done = 0, 0  # the chunk begins with atom `first`; those before `done` are in an earlier chunk already
        while done < len(self.atoms):
            stop = self._stop(first, done)
            if stop > done:
                yield self.atoms[first].start, self.atoms[stop - 1].end
                first, done = self._overlap_start(first, stop), stop
            elif first < done:
                first = done  # after the overlap nothing new fits
            else:
                yield from self._pieces(self.atoms[done])
                first = done = done + 1

    def _stop(self, first: int, done: int) -> int:
        """Where the chunk that begins with atom `first` ends, exclusively; `done` where no further atom fits."""
        border = self._next_hard_border(first)
        most = self.max_tokens - self.extra
        while True:
            stop = self._best_stop(first, done, border, most)
            if stop <= done:
                return done
            num_tokens = self.count_tokens(self.text[self.atoms[first].start : self.atoms[stop - 1].end])
            if num_tokens <= self.max_tokens:
                return stop
            # Atoms can cost more together than the sum says: try again with as much less of them.
            by_sums = self.sums[stop] - self.sums[first]
            most = min(by_sums - 1, by_sums * self.max_tokens // num_tokens)

    def _best_stop(self, first: int, done: int, border: int, most: int) -> int:
        """The best border after at most `most` tokens by the sums.

        That is the last section that begins after a quarter of them, else the strongest border in the last half.
        """
        base = self.sums[first]
        whole = self.sums[border] - base
        if whole <= most:
            return border
        # What stays behind should be worth a chunk of its own.
        wanted = min(most, whole - self.max_tokens // 4)
        last = bisect_right(self.sums, base + wanted) - 1
        if last <= done:
            last = bisect_right(self.sums, base + most) - 1
        quarter, half = (min(bisect_left(self.sums, base + most * share // 4), last) for share in (1, 2))
        stop = self._strongest(max(done + 1, quarter), last, done)
        if self.atoms[stop].border < Border.SECTION:
            stop = self._strongest(max(done + 1, half), last, done)
        if self.atoms[stop].border is Border.HEADING:  # no place to end, so a small chunk is better
            stop = self._strongest(done + 1, last, done)
        return stop

    def _strongest(self, lowest: int, highest: int, default: int) -> int:
        """The last of the strongest borders from `lowest` to `highest`."""
        return max(range(highest, lowest - 1, -1), key=lambda stop: self.atoms[stop].border, default=default)

    def _next_hard_border(self, first: int) -> int:
        """The next atom that must begin a chunk. A title or a lone line before a CHAPTER stays with what follows."""
        for idx in self.hard[bisect_right(self.hard, first) :]:
            if self.atoms[idx].border is Border.GAP or self.sums[idx] - self.sums[first] >= self.max_tokens // TINY:
                return idx
        return len(self.atoms)

    def _overlap_start(self, first: int, stop: int) -> int:
        """The atom that the chunk after `stop` begins with: whole sentences back, at most `overlap_tokens` of them."""
        start = stop
        for idx in range(stop, first, -1):
            if idx == len(self.atoms) or self.sums[stop] - self.sums[idx] > self.overlap_tokens:
                break
            if self.atoms[idx].border >= Border.SENTENCE:
                start = idx
            if self.atoms[idx].border >= Border.SECTION:
                break
        return start

    def _pieces(self, atom: Atom) -> Iterator[Span]:
        for piece in cut_atom(self.text, atom, self.max_tokens, self.count_tokens):
            num_tokens = self.count_tokens(self.text[piece.start : piece.end])
            if num_tokens > self.max_tokens:
                raise ValueError(
                    f"The character {self.text[piece.start]!r} counts {num_tokens} tokens, more than max_tokens, "
                    f"{self.max_tokens}: make chunks larger."
                )
            yield piece.start, piece.end
