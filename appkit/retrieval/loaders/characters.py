"""Removes characters that nobody sees: text should be to a model what it is to a reader.

Hidden in a document they carry instructions past its reader, reverse the order of what is shown, or split a word so
that no search finds it. What is removed is counted, never silent.
"""

import re

# Joiners have work to do: they shape Arabic and Indic letters and join emoji. Anywhere else they are only hidden.
_JOINERS = r"(?<![\u0600-\u1cff\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]"
# A variation selector picks the look of the symbol before it; one that follows no symbol, or another selector, hides.
_SELECTORS = r"(?<![#*0-9\u00a9\u00ae\u2010-\u33ff\U0001f000-\U0001faff])[\ufe0e\ufe0f]"
_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls; tab and line breaks are text, U+0085 is a line break
    "\u00ad\u034f\u061c"  # soft hyphen, grapheme joiner, Arabic letter mark
    "\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # fillers, and selectors of single scripts
    "\u200b\u200e\u200f"  # zero-width space, direction marks
    "\u202a-\u202e\u2060-\u206f"  # directions: embed, override, isolate; invisible operators
    "\ufe00-\ufe0d\ufeff"  # variation selectors of letters; byte-order mark
    "\ufff0-\ufffb\ufffe\uffff"
    "\ud800-\udfff"  # half a surrogate pair, which no encoding can write
    "\U000e0000-\U000e0fff"  # tags, and more variation selectors
    f"]|{_JOINERS}|{_SELECTORS}"
)
_INVISIBLE_ASCII = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_LINE_BREAK = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")


def clean(text: str) -> tuple[str, int]:
    """`text` with "\\n" as its only line break and without invisible characters, and how many of these there were."""
    text = _LINE_BREAK.sub("\n", text)
    return (_INVISIBLE_ASCII if text.isascii() else _INVISIBLE).subn("", text)
