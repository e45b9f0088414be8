"""How much room text takes in a terminal: columns of a character, and where a line may be broken.

A Chinese character takes two columns and a line may be broken beside it, but not before the comma that follows it.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise

_OPENING = "（《〈「『【〔〖“‘［｛"
_CLOSING = "，。！？；：、）》〉」』】〕〗”’］｝…—～"
# CJK radicals to Yi, compatibility ideographs and forms, full-width forms, the ideographic planes. Not Hangul: Korean
# has spaces between its words.
_IDEOGRAPH = r"\u2e80-\ua4cf\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\U00020000-\U0003fffd"
_NAME = re.compile(r".*\S {2,}(?=\S)")  # up to the last column
MIN_LIST_COLUMNS = 20  # beside a name; with less, a line goes on at the left
_UNIT = re.compile(rf"[{_OPENING}]*(?:[{_IDEOGRAPH}]|[^\s{_IDEOGRAPH}{_OPENING}]+|)[{_CLOSING}]*\s*")


def char_columns(char: str) -> int:
    """0 for a mark that sits on the character before it, 2 for wide and full-width ones (Unicode annex 11), else 1."""
    if char < "\u0300":
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def columns(text: str) -> int:
    """Columns that a text without line breaks and tabs takes."""
    return len(text) if text.isascii() else sum(map(char_columns, text))


def rows(text: str, width: int) -> int:
    """Rows of a terminal `width` columns wide that one line of text fills; an empty line fills one."""
    count, column = 1, 0
    for char in text:
        size = char_columns(char)
        if column + size > width:
            count, column = count + 1, 0
        column += size
    return count


def fitted(text: str, width: int) -> str:
    """`text` in exactly `width` columns, at least 3: cut with an ellipsis, or filled up with spaces."""
    if columns(text) > width:
        text = f"{next(_fold(text, width - 1))}…"
    return text + " " * (width - columns(text))


def line_breaks(text: str, width: int) -> list[int]:
    """Where to break `text` so that no line takes more than `width` columns: ascending positions within it.

    Spaces before a break may stand beyond the edge; whoever prints the lines takes them off. A word that is wider than
    a line is broken anywhere.
    """
    if columns(text) <= width:
        return []
    breaks: list[int] = []
    column = 0
    for match in _UNIT.finditer(text):
        unit = match.group()
        size = columns(unit.rstrip())
        if column and column + size > width:
            breaks.append(match.start())
            column = 0
        if size > width:
            parts = list(_fold(unit, width))
            position = match.start()
            for part in parts[:-1]:
                position += len(part)
                breaks.append(position)
            unit = parts[-1]
        column += columns(unit)
    return breaks


def wrapped(text: str, width: int) -> str:
    """`text` with line breaks where a line of it reaches the edge."""
    return "\n".join(row for line in text.split("\n") for row in _rows(line, width))


def wrapped_list(text: str, width: int) -> str:
    """`wrapped`, for lines of a name and, after two spaces or more, what is said of it: it goes on beneath itself."""
    return "\n".join(row for line in text.split("\n") for row in _list_rows(line, width))


def _list_rows(line: str, width: int) -> Iterator[str]:
    name = _NAME.match(line)
    indent = columns(name.group()) if name else 0
    if name is None or width - indent < MIN_LIST_COLUMNS:
        yield from _rows(line, width)
        return
    for idx, row in enumerate(_rows(line[name.end() :], width - indent)):
        yield f"{' ' * indent if idx else name.group()}{row}"


def _rows(line: str, width: int) -> Iterator[str]:
    edges = [0, *line_breaks(line, width), len(line)]
    return (line[start:end].rstrip() for start, end in pairwise(edges))


def _fold(text: str, width: int) -> Iterator[str]:
    """`text` in parts of at most `width` columns, though never less than one character."""
    start = column = 0
    for position, char in enumerate(text):
        size = char_columns(char)
        if column + size > width and position > start:
            yield text[start:position]
            start, column = position, 0
        column += size
    yield text[start:]
