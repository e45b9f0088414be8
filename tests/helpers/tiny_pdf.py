"""Writes small PDFs for tests and demos: plain text on pages, any language, with an outline if wanted.

The bytes are made by hand from the PDF specification (ISO 32000-1): Western text uses Helvetica, one of the fonts every
reader brings along; other text uses a two-byte font without embedded shapes, whose ToUnicode map says which characters
the codes stand for. Chinese is shown by readers that have a Chinese font, and extracted by all.
"""

import zlib
from collections.abc import Sequence

FONT_SIZE = 11
LEADING = 15
TOP, LEFT = 780, 60
PAGE = (595, 842)  # A4, in points


def tiny_pdf(
    pages: Sequence[str],
    *,
    title: str | None = None,
    author: str | None = None,
    outline: Sequence[tuple[str, int]] = (),
    compress: bool = False,
) -> bytes:
    """A PDF with a page for each text; every line of a text is a line on the page, and none is wrapped.

    Args:
        outline: entries as (title, page number from 1), all of one level.
        compress: deflate the pages, as most PDFs have it.
    """
    objects = PdfObjects()
    catalog, tree, helvetica, info = (objects.reserve() for _ in range(4))
    objects.set(helvetica, b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
    wide = _add_wide_font(objects, "".join(pages))
    page_ids = []
    for text in pages:
        content = objects.add_stream(_page_content(text), compress)
        page_ids.append(
            objects.add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {PAGE[0]} {PAGE[1]}] /Contents {content} 0 R "
                f"/Resources << /Font << /F1 {helvetica} 0 R /F2 {wide} 0 R >> >> >>".encode()
            )
        )
    kids = " ".join(f"{page} 0 R" for page in page_ids)
    objects.set(tree, f"<< /Type /Pages /Kids [{kids}] /Count {len(page_ids)} >>".encode())
    outlines = f" /Outlines {_add_outline(objects, outline, page_ids)} 0 R" if outline else ""
    objects.set(catalog, f"<< /Type /Catalog /Pages {tree} 0 R{outlines} >>".encode())
    fields = [b"/%s %s" % (name, _text_string(text)) for name, text in ((b"Title", title), (b"Author", author)) if text]
    objects.set(info, b"<< " + b" ".join(fields) + b" >>")
    return objects.finish(catalog, info)


class PdfObjects:
    """Numbers objects and writes them with the table that says where each begins."""

    def __init__(self) -> None:
        self._objects: list[bytes] = []

    def reserve(self) -> int:
        """A number for an object to come."""
        self._objects.append(b"null")
        return len(self._objects)

    def set(self, number: int, body: bytes) -> None:
        """Say what a reserved object is."""
        self._objects[number - 1] = body

    def add(self, body: bytes) -> int:
        """Write an object; its number."""
        number = self.reserve()
        self.set(number, body)
        return number

    def add_stream(self, data: bytes, compress: bool = False) -> int:
        """Write a stream object; its number."""
        filter = b""
        if compress:
            data, filter = zlib.compress(data), b" /Filter /FlateDecode"
        return self.add(b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(data), filter, data))

    def finish(self, catalog: int, info: int) -> bytes:
        """The whole file."""
        out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        offsets = []
        for number, body in enumerate(self._objects, start=1):
            offsets.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        table = len(out)
        size = len(self._objects) + 1
        out += b"xref\n0 %d\n0000000000 65535 f \n" % size
        out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        out += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\n" % (size, catalog, info)
        return bytes(out + b"startxref\n%d\n%%%%EOF\n" % table)


def _page_content(text: str) -> bytes:
    """Operators that show a text: one line beneath the other."""
    lines = [b"BT %d TL %d %d Td" % (LEADING, LEFT, TOP)]
    for line in text.split("\n"):
        if line and _is_latin(line):
            escaped = line.encode("cp1252").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
            lines.append(b"/F1 %d Tf (%s) Tj" % (FONT_SIZE, escaped))
        elif line:
            lines.append(b"/F2 %d Tf <%s> Tj" % (FONT_SIZE, line.encode("utf-16-be").hex().encode()))
        lines.append(b"T*")
    return b"\n".join([*lines, b"ET"])


def _is_latin(line: str) -> bool:
    try:
        line.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True


def _add_wide_font(objects: PdfObjects, text: str) -> int:
    """A two-byte font whose codes are UTF-16 units, with a map that says so, character by character."""
    units = sorted({char for char in text if ord(char) < 0x10000})
    blocks = [units[start : start + 100] for start in range(0, len(units), 100)]  # a block holds at most 100
    maps = "\n".join(
        f"{len(block)} beginbfchar\n" + "\n".join(f"<{ord(c):04x}> <{ord(c):04x}>" for c in block) + "\nendbfchar"
        for block in blocks
    )
    to_unicode = objects.add_stream(
        b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /ToUnicode def /CMapType 2 def\n"
        b"1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n" + maps.encode() + b"\nendcmap end end"
    )
    descriptor = objects.add(
        b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 "
        b"/Ascent 800 /Descent -200 /CapHeight 700 /StemV 80 >>"
    )
    shapes = objects.add(
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /DW 1000 /FontDescriptor %d 0 R "
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> >>" % descriptor
    )
    return objects.add(
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UTF16-H /DescendantFonts [%d 0 R] "
        b"/ToUnicode %d 0 R >>" % (shapes, to_unicode)
    )


def _add_outline(objects: PdfObjects, entries: Sequence[tuple[str, int]], page_ids: Sequence[int]) -> int:
    """A flat outline: a chain of entries."""
    root = objects.reserve()
    ids = [objects.reserve() for _ in entries]
    for idx, (title, page_number) in enumerate(entries):
        links = f" /Prev {ids[idx - 1]} 0 R" if idx else ""
        links += f" /Next {ids[idx + 1]} 0 R" if idx + 1 < len(ids) else ""
        target = f"/Dest [{page_ids[page_number - 1]} 0 R /Fit]"
        body = b"<< /Title %s /Parent %d 0 R" % (_text_string(title), root)
        objects.set(ids[idx], body + f"{links} {target} >>".encode())
    objects.set(root, f"<< /Type /Outlines /First {ids[0]} 0 R /Last {ids[-1]} 0 R /Count {len(ids)} >>".encode())
    return root


def _text_string(text: str) -> bytes:
    """UTF-16 with its mark, in hexadecimal digits."""
    return b"<" + (b"\xfe\xff" + text.encode("utf-16-be")).hex().encode() + b">"
