"""Undoes what layout does to the lines of a PDF: a sentence should not end where the paper does.

A PDF knows where glyphs stand, not what a paragraph is. A line that is as wide as the page's text goes on in the next
one, unless something speaks against it. Whatever is in doubt keeps its line break.
"""

import itertools
import re
from collections import Counter
from collections.abc import Set as AbstractSet

MIN_FULL_SHARE = 0.85  # of the width of the page's wide lines
MIN_WIDE_COLUMNS = 40  # below, the page is a form, a slide or a list, and breaks mean something
MIN_RUNNING_PAGES = 5  # fewer pages may share a first line by chance, or be forms
MIN_RUNNING_SHARE = 0.4  # left and right pages often have heads of their own
MAX_RUNNING_LINES = 2  # at the top, and at the bottom
_DIGITS = re.compile(r"\d+")
_CJK = "\u2e80-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
_WIDE = re.compile(f"[{_CJK}\U00020000-\U0003ffff]")
_SENTENCE_END = re.compile(r"[.!?:。！？：；…]['\"”’»）)\]]*$")
_ITEM = re.compile(
    r"(?:[-*•▪◦●○■□–—‣·#$>|©]|\d+(?:\.\d+)*[.)、．]?\s|[(（]?[a-zA-Z\d][)）]|[ivxIVX]+[.)]\s|第.{1,6}[章节条款])"
)
_NOT_PROSE = re.compile(r"(?:\. ?){4,}|…{2,}|\S {3,}\S|\t")  # dot leaders, columns
_HYPHENATED = re.compile(r"([^\W\d_]+)-$")
_WORD_START = re.compile(r"[^\W\d_]+")


def join_lines(page: str, words: AbstractSet[str] = frozenset()) -> str:
    """The page's text with broken lines joined.

    Args:
        page: text with a line for each line on the page.
        words: of the whole document, in lower case. A word hyphenated at a line's end loses its hyphen where the whole
            word is among them; otherwise the hyphen may be its own ("well-known") and stays.
    """
    lines = [line.rstrip() for line in page.split("\n")]
    widths = sorted(_width(line) for line in lines if line)
    wide = widths[round(0.9 * (len(widths) - 1))] if widths else 0
    if wide < MIN_WIDE_COLUMNS:
        return page
    joined = lines[:1]
    for line, next_line in itertools.pairwise(lines):  # `line` as it stands on the page, not as joined so far
        if _goes_on(line, next_line, MIN_FULL_SHARE * wide):
            joined[-1] = _join(joined[-1], next_line.lstrip(), words)
        else:
            joined.append(next_line)
    return "\n".join(joined)


def drop_running_lines(pages: list[str]) -> list[str]:
    """Pages without the head and foot that most of a document shares, page numbers aside.

    They would cut every sentence that runs over a page, and every page would be found for the words in them.
    """
    if len(pages) < MIN_RUNNING_PAGES:
        return pages
    for _ in range(MAX_RUNNING_LINES):
        for idx, rest in ((0, slice(1, None)), (-1, slice(None, -1))):
            lines = [page.strip().split("\n") for page in pages]
            forms = [_DIGITS.sub("0", line[idx]).strip() for line in lines]
            counts = Counter(form for form in forms if form)
            pages = [
                "\n".join(line[rest] if len(line) > 1 and counts[form] >= MIN_RUNNING_SHARE * len(pages) else line)
                for line, form in zip(lines, forms, strict=True)
            ]
    return pages


def words_of(pages: list[str]) -> frozenset[str]:
    """Every word in lower case, as `join_lines` wants them."""
    return frozenset(word.lower() for page in pages for word in _WORD_START.findall(page))


def _width(line: str) -> int:
    """Columns on a terminal: a Chinese character is as wide as two Latin ones."""
    return len(line) + len(_WIDE.findall(line))


def _goes_on(line: str, next_line: str, full_width: float) -> bool:
    return (
        _width(line) >= full_width
        and bool(next_line.strip())
        and not _SENTENCE_END.search(line)
        and not _ITEM.match(next_line.lstrip())
        and not _NOT_PROSE.search(line)
        and not _NOT_PROSE.search(next_line)
    )


def _join(line: str, next_line: str, words: AbstractSet[str]) -> str:
    first, second = _HYPHENATED.search(line), _WORD_START.match(next_line)
    if first and second:
        is_whole_word = (first[1] + second[0]).lower() in words
        return (line[:-1] if is_whole_word else line) + next_line
    is_gapless = _WIDE.match(line[-1]) and _WIDE.match(next_line[0])
    return line + ("" if is_gapless else " ") + next_line
