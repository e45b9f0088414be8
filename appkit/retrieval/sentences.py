"""Where sentences begin and end, in English, Chinese and text that mixes them.

Rules and short word lists, no model: fast enough for every document and the same on every machine. Lines come first
(a paragraph, a list item, a table row and a heading each end what came before), marks such as "." and "。" second.
Where a full stop is ambiguous ("Dr. Smith", "the U.S. Army") the rules keep text together: a quote that is a little
long reads better than half a sentence.
"""

import re
import unicodedata
from collections.abc import Iterator

from appkit.retrieval.scripts import HAN, is_east_asian

Span = tuple[int, int]  # start, end: text[start:end]

_CLOSERS = "”’」』）】》〉〕｝)\\]}»›\"'*_"
_MARKS = re.compile(rf"([.!?…⋯。！？；．｡।॥؟۔]+)((?:[{_CLOSERS}]|\[\d{{1,3}}\]| ''(?!\w))*)")
_ALWAYS_END = frozenset("。！？；｡।॥؟۔")
_GOES_ON = tuple(".!?…,;:")  # "Wait. . . ." ends at its last mark
_WORD = re.compile(r"\w")
_NEXT_WORD = re.compile(r"\s*[\"'“‘«¿¡(\[*_`]*(\w*)")

_ITEM = re.compile(
    r"[ \t]*(?:[-*+•‣◦▪●○]\s|\d{1,3}(?:[.)]\s|[、．])|[(（][\dA-Za-z一二三四五六七八九十]{1,3}[)）]|[A-Za-z]\)\s"
    r"|[一二三四五六七八九十]{1,3}、|#{1,6}\s|>|\||```|~~~)"
)
_OWN_LINE = re.compile(r"[ \t]*(?:#{1,6}\s|\||```|~~~)")  # such a line ends at its end
_FIRST_WORD = re.compile(rf"\s*([{HAN}]|\S+)")
_MIN_WRAP_WIDTH = 30  # characters; shorter lines are not paragraphs that an editor wrapped
_RAGGED = 0.8  # a wrapped line is at least this much of the longest, or the next word would have fitted

_TITLES = frozenset(
    "mr mrs ms dr prof st mt rev hon gen col capt lt sgt rep sen gov messrs mme mlle vs viz cf".split()  # noqa: SIM905 (easier to read)
)
_BEFORE_NUMBERS = frozenset(
    "fig figs eq eqs sec secs ch chap vol vols no nos art p pp pt tab ref refs para nr".split()  # noqa: SIM905
)
_MAYBE_LAST = frozenset(
    "al inc ltd co corp jr sr bros dept univ approx ca est resp incl ed eds ph.d "  # noqa: SIM905
    "jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun".split()
)
_NEVER_LAST = _TITLES | {"e.g", "i.e"}
_OPENING_WORDS = frozenset(
    "a after all also although an and another as at because before both but by each even every few finally first for "  # noqa: SIM905
    "from further he hence her here his how however i if in instead it its last later let many meanwhile more moreover "
    "most my next no nor not now of often on once one only or other others our over please second several she since so "
    "some such that the their then there therefore these they this those though thus to today two under unlike until "
    "we what when where whether which while who why with within without yes yet you your".split()
)


def split_sentences(text: str) -> list[Span]:
    """Spans of the sentences in order, without the white space around them; together they hold all that is not blank.

    A heading, a list item and a table row count as a sentence each. Line breaks that only wrap a paragraph stay inside
    a sentence. A Chinese semicolon ends a sentence, as its halves are usually full ones.
    """
    return list(iter_sentences(text, 0, len(text)))


def iter_sentences(text: str, start: int, end: int) -> Iterator[Span]:
    """The same for `text[start:end]`; offsets are those of `text`."""
    for block_start, block_end in _blocks(text, start, end):
        cuts = list(_cuts(text, block_start, block_end))
        if cuts and not _WORD.search(text, cuts[-1], block_end):
            cuts.pop()  # nothing but marks is left: they belong to the last sentence
        sentence_start = searched_to = block_start
        for cut in cuts:
            if _WORD.search(text, searched_to, cut):
                yield from trimmed(text, sentence_start, cut)
                sentence_start = cut
            searched_to = cut
        yield from trimmed(text, sentence_start, block_end)


def trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    """The span without white space at its ends; nothing where it is blank."""
    piece = text[start:end]
    bare = piece.lstrip()
    if bare:
        first = end - len(bare)
        yield first, first + len(bare.rstrip())


def _blocks(text: str, start: int, end: int) -> Iterator[Span]:
    """Runs of lines that belong together: a paragraph, or a list item with its continuation lines."""
    paragraph: list[Span] = []
    line_start = start
    for line in text[start:end].splitlines(keepends=True):
        line_end = line_start + len(line)
        if line.isspace():
            yield from _blocks_of_paragraph(text, paragraph)
            paragraph = []
        else:
            paragraph.append((line_start, line_end))
            if line[-1] == "\f":
                yield from _blocks_of_paragraph(text, paragraph)
                paragraph = []
        line_start = line_end
    yield from _blocks_of_paragraph(text, paragraph)


def _blocks_of_paragraph(text: str, lines: list[Span]) -> Iterator[Span]:
    if len(lines) == 1:
        yield lines[0]
    if len(lines) < 2:
        return
    rows = [text[start:end].rstrip() for start, end in lines]
    width = max(map(len, rows))
    block_start = lines[0][0]
    for (_, line_end), row, next_row in zip(lines, rows, rows[1:], strict=False):
        if _is_break_meant(row, next_row, width):
            yield block_start, line_end
            block_start = line_end
    yield block_start, lines[-1][1]


def _is_break_meant(row: str, next_row: str, width: int) -> bool:
    """Whether the writer ended a line here, rather than an editor that wrapped a paragraph at `width` characters."""
    if _ITEM.match(next_row) or _OWN_LINE.match(row):
        return True
    word = _FIRST_WORD.match(next_row)
    if word is None or word[1][0].islower():
        return False
    return width < _MIN_WRAP_WIDTH or len(row) + 1 + len(word[1]) <= _RAGGED * width


def _cuts(text: str, start: int, end: int) -> Iterator[int]:
    """Ends of the sentences inside one block, its own end left out."""
    num_quotes, counted_to = 0, start
    for match in _MARKS.finditer(text, start, end):
        cut = match.end()
        if '"' in match[2]:
            # A straight quote after "。" may open the next sentence: it closes only what was opened before.
            quote_at = match.start(2) + match[2].index('"')
            num_quotes += text.count('"', counted_to, quote_at)
            counted_to = quote_at
            if num_quotes % 2 == 0 and not _ends_at_space(text, cut, end):
                cut = quote_at
        if cut < end and _is_sentence_end(text, start, end, match, cut):
            yield cut


def _ends_at_space(text: str, cut: int, end: int) -> bool:
    return cut >= end or text[cut].isspace()


def _is_sentence_end(text: str, start: int, end: int, match: re.Match[str], cut: int) -> bool:
    marks, after = match[1], text[cut]
    if unicodedata.category(after) in ("Mn", "Mc", "Me", "Cf"):  # an accent or a joiner belongs to the mark
        return False
    before = text[match.start() - 1] if match.start() > start else ""
    if not _ALWAYS_END.isdisjoint(marks):
        return True
    if is_east_asian(before) or is_east_asian(after):
        # "版本３．１" and "文件.txt" go on; "……" and "?" end a Chinese sentence without a space.
        goes_on = (after.isascii() and after.isalnum()) or (before.isdigit() and after.isdigit()) or after in "，、,：:"
        return not goes_on
    if not after.isspace():
        return False
    word = _NEXT_WORD.match(text, cut, end)
    next_word = word[1] if word else ""
    if next_word[:1].islower() or (word and text[word.end() : word.end() + 1] in _GOES_ON and not next_word):
        return False
    return marks != "." or cut > match.end(1) or not _is_abbreviation(text, start, match.start(), next_word)


def _is_abbreviation(text: str, start: int, stop: int, next_word: str) -> bool:
    """Whether the full stop at `stop` belongs to the word before it and no sentence ends there."""
    before = text[max(start, stop - 24) : stop]
    word = before[max(before.rfind(blank) for blank in " \t\n\r\u00a0") + 1 :].lstrip("([{\"'“‘«*_")
    lower = word.lower()
    if lower in _NEVER_LAST:
        return True
    if lower in _BEFORE_NUMBERS and (next_word[:1].isdigit() or _is_roman(next_word)):
        return True
    if word.replace(".", "").isdigit():  # the number of a list item
        line_start = max(text.rfind("\n", start, stop), start - 1) + 1
        return text[line_start:stop].strip() == word
    is_initials = (len(word) == 1 and word.isupper()) or (len(word) > 1 and word[1::2] == "." * (len(word) // 2))
    if lower in _MAYBE_LAST or is_initials:
        return next_word.lower() not in _OPENING_WORDS
    return False


def _is_roman(word: str) -> bool:
    return word != "" and set(word) <= set("IVXLC")
