"""Text of documents made fit for a terminal, where some characters are commands and others hide what is there."""

import json
import os
import sys
import unicodedata
from itertools import pairwise
from typing import Any

HIGHLIGHT, PLAIN = "\x1b[1;33m", "\x1b[0m"  # bold yellow, and back (ECMA-48, SGR)
_NOT_SHOWN = {"Cc", "Cf", "Cs", "Co", "Cn"}  # control, format (bidi, zero width), surrogate, private use, unassigned

_FIRST_WIDE = 0x2E80  # from here on lie the characters of Chinese, with its punctuation; each takes two columns
_WRAPPED_COLUMNS = 60  # a line of a table or a list is rarely so long, a line of a paragraph rarely shorter


def printable(text: str) -> str:
    """`text` without what a terminal would obey or a reader could not see; line breaks and tabs stay."""
    if text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _NOT_SHOWN)


def json_text(value: Any) -> str:
    """`value` as JSON on one line, safe to show in a terminal."""
    return escaped_json(json.dumps(value, ensure_ascii=False))


def escaped_json(text: str) -> str:
    """The same JSON with every character that `printable` takes out as an escape: JSON demands that only of some."""
    if text.isprintable():
        return text
    return "".join(c if c == "\n" or unicodedata.category(c) not in _NOT_SHOWN else json.dumps(c)[1:-1] for c in text)


def on_one_line(text: str) -> str:
    """`printable` with line breaks and other white space made single spaces; a line broken in Chinese joins without."""
    joined = ""
    for part in printable(text).splitlines():
        if not (words := " ".join(part.split())):
            continue
        is_inside_chinese = joined and ord(joined[-1]) >= _FIRST_WIDE and ord(words[0]) >= _FIRST_WIDE
        joined += words if is_inside_chinese or not joined else f" {words}"
    return joined


def reflowed(text: str) -> str:
    """`printable` without the line breaks that only wrapped a paragraph, which are those after a long line."""
    lines = printable(text).split("\n")
    paragraphs = lines[:1]
    for before, line in pairwise(lines):
        if _columns(before) >= _WRAPPED_COLUMNS and line.strip():
            paragraphs[-1] = on_one_line(f"{paragraphs[-1]}\n{line}")
        else:
            paragraphs.append(line)
    return "\n".join(paragraphs)


def _columns(line: str) -> int:
    return sum(2 if ord(letter) >= _FIRST_WIDE else 1 for letter in line)


def is_colourful() -> bool:
    """Whether standard output shows colours: a terminal, unless NO_COLOR or TERM=dumb says otherwise."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def highlighted(quote: str) -> str:
    """A quote that stands out from what is around it: by colour, else in «guillemets»."""
    return f"{HIGHLIGHT}{quote}{PLAIN}" if is_colourful() else f"«{quote}»"
