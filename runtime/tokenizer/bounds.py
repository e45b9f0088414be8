"""Keeps hostile text away from the engines: lone surrogates, texts over the limit, runs longer than a regex survives.

A pattern such as `\\s+(?!\\S)` costs its engine one backtracking entry a character; past a million they give up,
with an error or a crash. So a run of blanks, or of characters without a blank between, of more than `MAX_RUN` is cut.
Where the run holds a place at which every pattern of `pretokenizers.py` ends a piece (a letter or digit followed by
punctuation), the cut goes there and changes no id. A run without one is cut each `MAX_RUN` characters, three times a
power of two, so that runs of one character keep their ids as well: their tokens double in length, digits go by threes
(tests show it for the vocabularies at hand). Only so many mixed characters without a single break may get another token
at the cut.
"""

import re
from collections.abc import Iterator

from runtime.errors import TokenizerError

DEFAULT_MAX_TEXT_BYTES = 16 << 20
MAX_RUN = 3 << 16

# Unicode's White_Space, what \s means to the engines. Python's own \s has four control characters more.
_BLANKS = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_BLANK = re.compile(f"[{_BLANKS}]")
_NOT_BLANK = re.compile(f"[^{_BLANKS}]")
_RUN = re.compile(f"[{_BLANKS}]++|[^{_BLANKS}]++")
# Not at an apostrophe: some patterns let "'s" end a word.
_PIECE_END = re.compile(r"(?<=[^\W_])(?=[!-&(-/:-@\[-`{-~，。、；：？！（）「」《》])")


def check_text(text: str, max_bytes: int) -> None:
    """Refuse what no tokenizer should see.

    Raises:
        TokenizerError: a lone surrogate (half of a UTF-16 pair, no character), or more than `max_bytes` of UTF-8.
    """
    if len(text) > max_bytes:  # a character is at least a byte; this spares encoding a huge text
        raise _too_long(f"{len(text):,} characters", max_bytes)
    if text.isascii():
        return
    try:
        num_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise TokenizerError(
            f"The text holds a lone surrogate, U+{ord(text[error.start]):04X}, at character {error.start:,}: "
            "it is half of a character. Decode its source with the right encoding or errors='replace'."
        ) from None
    if num_bytes > max_bytes:
        raise _too_long(f"{num_bytes:,} bytes of UTF-8", max_bytes)


def bounded_parts(text: str) -> Iterator[str]:
    """`text` in parts that hold no run over `MAX_RUN`: nearly always the whole."""
    if len(text) < MAX_RUN or not _has_long_run(text):
        yield text
        return
    begin = 0
    for run in _RUN.finditer(text):
        start, end = run.span()
        while end - start > MAX_RUN:
            start = _cut(text, start)
            yield text[begin:start]
            begin = start
    yield text[begin:]


def _has_long_run(text: str) -> bool:
    """Whether any run may exceed `MAX_RUN`: such a run covers one of the aligned windows of half its length."""
    half = MAX_RUN // 2
    for start in range(0, len(text) - half + 1, half):
        end = start + half
        if _BLANK.search(text, start, end) is None or _NOT_BLANK.search(text, start, end) is None:
            return True
    return False


def _cut(text: str, start: int) -> int:
    """The last harmless place in the second half of the run's next `MAX_RUN` characters, else their end."""
    cut = start + MAX_RUN
    for place in _PIECE_END.finditer(text, start + MAX_RUN // 2, start + MAX_RUN):
        cut = place.start()
    return cut


def _too_long(size: str, max_bytes: int) -> TokenizerError:
    return TokenizerError(
        f"The text has {size}; the tokenizer takes at most {max_bytes:,} bytes at once. Split the text."
    )
