"""Markdown: the text is the file's own, markup included; sections come from its headings."""

import re
from typing import TYPE_CHECKING

from appkit.retrieval.documents import Scalar
from appkit.retrieval.loaders.content import Content, Heading, sections_of, text_metadata
from appkit.retrieval.loaders.plain_text import decode_clean

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FRONT_MATTER = re.compile(r"---[ \t]*\n(?=[\w-]+[ \t]*:)(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^(title|author|date):[ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_HEADING_MARKS = re.compile(r"^ {0,3}#{1,6}[ \t]*|[ \t]+#+[ \t]*$|[ \t]*$")
_INLINE_MARKS = re.compile(r"\[([^\]]*)\]\([^)]*\)|[*`]+|(?<!\w)_+|_+(?!\w)")


def read_markdown(data: bytes) -> Content:
    """The file's text, its headings as sections, and title, author and date where a front matter names them."""
    text, metadata = decode_clean(data)
    fields = front_matter(text)
    headings = find_headings(text)
    title = str(fields.pop("title", ""))
    if not title and headings and headings[0].level == 1:
        title = headings[0].title
    return Content(text=text, title=title, sections=sections_of(headings, len(text)), metadata={**fields, **metadata})


def front_matter(text: str) -> dict[str, Scalar]:
    """Title, author and date of the block between "---" lines that may open a Markdown file."""
    match = _FRONT_MATTER.match(text)
    found = _FIELD.findall(match[1]) if match else []
    return text_metadata({name.lower(): value.strip("\"'") for name, value in found})


def find_headings(text: str) -> list[Heading]:
    """Headings of a Markdown text, `#` and underlined ones; none of those inside code, quotes and lists."""
    match = _FRONT_MATTER.match(text)
    num_skipped = match[0].count("\n") if match else 0  # its last line is no underline
    body_start = match.end() if match else 0
    starts = _line_starts(text)
    headings = []
    for token in _block_parser().parse(text[body_start:]):
        if token.type == "heading_open" and token.level == 0 and token.map is not None:
            first = token.map[0] + num_skipped
            line = text[starts[first] : starts[first + 1]].rstrip("\n")
            headings.append(Heading(title=plain_title(line), level=int(token.tag[1]), start=starts[first]))
    return headings


def plain_title(line: str) -> str:
    """A heading's line without the marks of Markdown."""
    return _INLINE_MARKS.sub(r"\1", _HEADING_MARKS.sub("", line)).strip()


def _block_parser() -> "MarkdownIt":
    """Finds blocks and leaves what is inside them alone: most of the work of Markdown, and most of its traps."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable(["inline", "text_join"])


def _line_starts(text: str) -> list[int]:
    """Offset of every line, and of the end."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    return starts
