"""Word documents: paragraphs, list items and table rows in order; headings by style."""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from appkit.retrieval.documents import Scalar
from appkit.retrieval.loaders.content import Content, TextBuilder, text_metadata
from appkit.retrieval.loaders.errors import UnusableContentError

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

MAX_ENTRIES = 10_000
MAX_UNPACKED_BYTES = 256 << 20
MAX_BASE_STYLES = 10
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_DECLARATION = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.I)
_HEADING_STYLE = re.compile(r"heading (\d)", re.I)
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_LAYERS = frozenset([f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}smartTag", f"{_W}ins"])


def read_docx(data: bytes) -> Content:
    """The body's text; headers, footers, comments and deleted text are left out."""
    check_package(data)
    document = _open(data)
    body = document.element.body
    _remove_unseen(body)
    styles = _Styles(document)
    builder = TextBuilder()
    title = ""
    for kind, element in _blocks(body):
        if kind == "table":
            builder.end_line(2)
            for row in element.iterchildren(f"{_W}tr"):
                builder.add(" | ".join(_cell_text(cell) for cell in row.iterchildren(f"{_W}tc")) + "\n")
            builder.end_line(2)
            continue
        text = _paragraph_text(element).strip()
        if not text:
            continue
        level = styles.heading_level(element)
        is_item = level is None and styles.is_item(element)
        builder.end_line(1 if is_item else 2)
        if level is not None:
            builder.add_heading(text, level)
            title = title or text
        builder.add(("- " if is_item else "") + text + "\n")
    properties = document.core_properties
    created = properties.created.date().isoformat() if properties.created else None
    metadata = _metadata(properties.author, created)
    return builder.content(title=properties.title or title, metadata=metadata)


def check_package(data: bytes) -> None:
    """Raise UnusableContentError for what is no zip archive, unpacks to too much, or declares XML entities.

    The format forbids document type declarations, so whoever writes one is after the parser.
    """
    if data.startswith(_OLE_MAGIC):
        if _ENCRYPTED_STREAM in data:
            raise UnusableContentError("encrypted", "It is protected by a password; save it without one.")
        raise UnusableContentError("corrupt", "It is a document of Word 97-2003; save it as .docx.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as package:
            entries = package.infolist()
            total = sum(entry.file_size for entry in entries)
            if len(entries) > MAX_ENTRIES or total > MAX_UNPACKED_BYTES:
                raise UnusableContentError(
                    "too large",
                    f"It unpacks to {len(entries)} files of {total} bytes; at most {MAX_ENTRIES} files of "
                    f"{MAX_UNPACKED_BYTES} bytes are read.",
                )
            for entry in entries:
                if entry.flag_bits & 1:
                    raise UnusableContentError("encrypted", "It is a zip archive with a password; save it without one.")
                if entry.filename.endswith((".xml", ".rels")) and _DECLARATION.search(package.read(entry)):
                    raise UnusableContentError(
                        "corrupt", f"Its part {entry.filename[:100]!r} declares XML entities, which no document may."
                    )
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise UnusableContentError("corrupt", f"It is no intact .docx package: {error}.") from error


def _open(data: bytes) -> "WordDocument":
    import docx

    try:
        return docx.Document(io.BytesIO(data))
    except Exception as error:  # of python-docx, lxml and zipfile: whatever a wrong package leads to
        raise UnusableContentError("corrupt", f"It is no Word document: {type(error).__name__}: {error}.") from error


def _remove_unseen(body: Any) -> None:
    """Take out what a reader does not see: text moved from here, and the second of two versions of a drawing."""
    for element in list(body.iter(f"{_W}moveFrom", _FALLBACK)):
        element.getparent().remove(element)


def _blocks(parent: Any) -> Iterator[tuple[str, Any]]:
    """Paragraphs and tables under an element, in order, through content controls except a table of contents."""
    for element in parent.iterchildren():
        if element.tag == f"{_W}p":
            yield "paragraph", element
        elif element.tag == f"{_W}tbl":
            yield "table", element
        elif element.tag in _LAYERS and not _is_table_of_contents(element):
            yield from _blocks(element)


def _is_table_of_contents(element: Any) -> bool:
    gallery = element.find(f"{_W}sdtPr/{_W}docPartObj/{_W}docPartGallery")
    return gallery is not None and gallery.get(f"{_W}val") == "Table of Contents"


def _paragraph_text(paragraph: Any) -> str:
    """Text of all runs, those in links, insertions and text boxes too."""
    pieces = []
    for element in paragraph.iter(f"{_W}t", f"{_W}tab", f"{_W}br", f"{_W}cr", f"{_W}noBreakHyphen"):
        if element.tag == f"{_W}t":
            pieces.append(element.text or "")
        elif element.tag == f"{_W}noBreakHyphen":
            pieces.append("-")
        elif element.getparent().tag == f"{_W}r":  # a tab in a run, not one that a style defines
            pieces.append("\t" if element.tag == f"{_W}tab" else "\n")
    return "".join(pieces)


def _cell_text(cell: Any) -> str:
    return " ".join(" ".join(_paragraph_text(paragraph).split()) for paragraph in cell.iter(f"{_W}p")).strip()


class _Styles:
    """What the style of a paragraph makes of it. Style names are English whatever language Word was in."""

    def __init__(self, document: "WordDocument") -> None:
        self._document = document
        self._known: dict[str | None, tuple[int | None, bool]] = {}  # style id → heading level, is a list item

    def heading_level(self, paragraph: Any) -> int | None:
        """1 for the topmost; None for a paragraph that is no heading."""
        own_level = _outline_level(paragraph)
        return self._of(paragraph)[0] if own_level is None else own_level

    def is_item(self, paragraph: Any) -> bool:
        """Whether it is one of a list."""
        return paragraph.find(f"{_W}pPr/{_W}numPr") is not None or self._of(paragraph)[1]

    def _of(self, paragraph: Any) -> tuple[int | None, bool]:
        style_id = paragraph.style
        if style_id not in self._known:
            self._known[style_id] = (None, False) if style_id is None else self._look_up(style_id)
        return self._known[style_id]

    def _look_up(self, style_id: str) -> tuple[int | None, bool]:
        """From the style, or the nearest it is based on that says something."""
        from docx.enum.style import WD_STYLE_TYPE

        style: Any = self._document.part.get_style(style_id, WD_STYLE_TYPE.PARAGRAPH)
        for _ in range(MAX_BASE_STYLES):
            if style is None:
                break
            name = style.name or ""
            if heading := _HEADING_STYLE.fullmatch(name):
                return int(heading[1]), False
            if name == "Title":
                return 1, False
            if (level := _outline_level(style.element)) is not None:
                return level, False
            if name.lower().startswith("list"):
                return None, True
            style = style.base_style
        return None, False


def _outline_level(element: Any) -> int | None:
    """The level a paragraph or a style is given in the outline: 0 to 8 in the file, 9 for body text."""
    found = element.find(f"{_W}pPr/{_W}outlineLvl")
    value = "" if found is None else found.get(f"{_W}val", "")
    return int(value) + 1 if value in tuple("012345678") else None


def _metadata(author: str | None, created: str | None) -> dict[str, Scalar]:
    return text_metadata({"author": author, "date": created})
