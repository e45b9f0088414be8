"""PDF: text of every page, page spans, and the outline as sections."""

import io
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from appkit.retrieval.documents import PageSpan, Scalar
from appkit.retrieval.loaders.content import Content, Heading, TextBuilder, short, text_metadata
from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.pdf_lines import drop_running_lines, join_lines, words_of

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 20_000
MAX_OUTLINE_ENTRIES = 2_000
MAX_OUTLINE_DEPTH = 20
_UNTAUGHT = "_from_font_resource_without_spaces"
_SENTENCE_END = re.compile(r"[.!?:;。！？：；…]['\"”’）)\]]*\Z")
_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?")
_FILE_NAME = re.compile(r"^(?:Microsoft Word|untitled)\b|\.(?:docx?|indd|tex|dvi|pptx?|xlsx?|pdf)$", re.I)


def read_pdf(data: bytes) -> Content:
    """Pages in order. A page's span includes the line break behind it, so every character has a page.

    Running heads are left out and lines that the layout broke are joined (`pdf_lines.py`). A paragraph that runs on
    across pages is not torn apart: an empty line comes between pages only where a sentence ends.
    """
    if b"%PDF-" not in data[:1024]:
        raise UnusableContentError("corrupt", "It is no PDF: it does not begin with %PDF-.")
    from pypdf.errors import DependencyError, LimitReachedError

    try:
        return _read(data)
    except UnusableContentError:
        raise
    except DependencyError as error:
        raise UnusableContentError("encrypted", "It is encrypted with AES; save it without a password.") from error
    except (LimitReachedError, MemoryError) as error:
        raise UnusableContentError("too large", f"It unpacks to more than is read: {_reason(error)}.") from error
    except Exception as error:  # of pypdf: whatever a broken file leads to, not only its own errors
        raise UnusableContentError("corrupt", f"It cannot be read: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".: ")


def _read(data: bytes) -> Content:
    from pypdf import PdfReader

    know_spaces()
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):  # many are locked against printing alone, with no password
        raise UnusableContentError("encrypted", "It needs a password; save it without one.")
    num_pages = len(reader.pages)
    if num_pages > MAX_PAGES:
        raise UnusableContentError("too large", f"It has {num_pages} pages; at most {MAX_PAGES} are read.")
    builder = TextBuilder()
    pages: list[PageSpan] = []
    texts = drop_running_lines([page.extract_text().strip() for page in reader.pages])
    words = words_of(texts)
    for number, text in enumerate(texts, start=1):
        start = builder.length
        text = join_lines(text, words)
        if text:
            builder.add(text + ("\n\n" if _SENTENCE_END.search(text) else "\n"))
        pages.append(PageSpan(page_number=number, start=start, end=builder.length))
    if not builder.length:
        raise UnusableContentError(
            "empty",
            f"None of its pages ({num_pages}) holds text; if they are scanned, run text recognition (OCR) first.",
        )
    builder.headings += _headings(reader, builder.text(), pages)
    title, metadata = _metadata(reader)
    return builder.content(title=title, pages=pages, metadata=metadata)


def know_spaces() -> None:
    """Teach pypdf that a font may have no space: most two-byte fonts in PDFs of TeX and of browsers have none.

    It takes code 32 for the space of every font. Where a font is a subset with codes of its own, 32 is any glyph, and
    twice as wide as the gaps between words, which pypdf 7.1 then overlooks: of the 261 pages of the Debian Reference
    every third word was glued to the next. A font whose code 32 is no space gets none, and pypdf's default width.
    """
    from pypdf.generic._font import Font

    if hasattr(Font, _UNTAUGHT):
        return
    untaught = Font.from_font_resource

    def from_font_resource(*args: Any, **kwargs: Any) -> Font:
        font = untaught(*args, **kwargs)
        if font.sub_type == "Type0" and font.character_map.get(font.space_char) != " ":
            font.space_char = ""
        return font

    setattr(Font, _UNTAUGHT, untaught)
    Font.from_font_resource = from_font_resource  # type: ignore[method-assign]


def _headings(reader: "PdfReader", text: str, pages: list[PageSpan]) -> list[Heading]:
    """The outline's entries, each where its title stands on its page, else at the page's start.

    An outline is an extra: one that is broken costs the sections, not the document.
    """
    headings: list[Heading] = []
    try:
        for title, level, page_idx in _outline(reader, reader.outline, 1):
            if len(headings) == MAX_OUTLINE_ENTRIES:
                break
            page = pages[page_idx]
            words = r"\s+".join(map(re.escape, title.split()))
            match = re.compile(words).search(text, page.start, page.end)
            headings.append(Heading(title=title, level=level, start=match.start() if match else page.start))
    except Exception:  # as in read_pdf
        return []
    return sorted(headings, key=lambda heading: heading.start)


def _outline(reader: "PdfReader", entries: Any, level: int) -> Iterator[tuple[str, int, int]]:
    """Title, level and page index of every entry that leads to a page."""
    if level > MAX_OUTLINE_DEPTH:
        return
    for entry in entries:
        if isinstance(entry, list):
            yield from _outline(reader, entry, level + 1)
            continue
        page_idx = reader.get_destination_page_number(entry)
        title = short(str(entry.title or ""), 300)
        if title and page_idx is not None and 0 <= page_idx < len(reader.pages):
            yield title, level, page_idx


def _metadata(reader: "PdfReader") -> tuple[str, dict[str, Scalar]]:
    """The title, unless it is a file's name left there by a program, and author and date."""
    try:
        given: Mapping[str, Any] = reader.metadata or {}
        title, author = short(str(given.get("/Title") or ""), 300), given.get("/Author")
        match = _DATE.match(str(given.get("/CreationDate") or ""))
    except Exception:  # as in read_pdf
        return "", {}
    date = "-".join(filter(None, match.groups())) if match else None
    return "" if _FILE_NAME.search(title) else title, text_metadata({"author": author, "date": date})
