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
_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_DECLARATION = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.I)
_HEADING_STYLE = re.compile(r"heading (\d)", re.I)
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_LAYERS = frozenset([f"{_W}sdt", f"{_W}sdtContent", f"{_W}customXml", f"{_W}smartTag", f"{_W}ins"])


def read_docx(data: bytes) -> Content:
    """The body's text; headers, footers, comments and deleted text are left out."""
    check_package(data)
    document = _open(data)
    builder = TextBuilder()
    title = ""
    for kind, element in _blocks(document.element.body):
        if kind == "table":
            builder.end_line(2)
            for row in element.iter(f"{_W}tr"):
                builder.add(" | ".join(_cell_text(cell) for cell in row.iterchildren(f"{_W}tc")) + "\n")
            builder.end_line(2)
            continue
        text = _paragraph_text(element).strip()
        if not text:
            continue
        style = _style_name(document, element)
        heading = _HEADING_STYLE.fullmatch(style)
        is_item = element.find(f"{_W}pPr/{_W}numPr") is not None or style.lower().startswith("list")
        builder.end_line(1 if is_item else 2)
        if heading or style == "Title":
            builder.add_heading(text, int(heading[1]) if heading else 1)
            title = title or text
        builder.add(("- " if is_item and not heading else "") + text + "\n")
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
    """Text of all runs, those in links and insertions too; text boxes inside are paragraphs of their own elsewhere."""
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


def _style_name(document: "WordDocument", paragraph: Any) -> str:
    """The English name of a paragraph's style, whatever language Word was in; empty for the default one."""
    style_id = paragraph.style
    if style_id is None:
        return ""
    from docx.enum.style import WD_STYLE_TYPE

    return document.part.get_style(style_id, WD_STYLE_TYPE.PARAGRAPH).name or ""


def _metadata(author: str | None, created: str | None) -> dict[str, Scalar]:
    return text_metadata({"author": author, "date": created})
