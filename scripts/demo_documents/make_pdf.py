"""Sets the plain texts beside this file as the PDFs of `examples/documents`.

    python scripts/demo_documents/make_pdf.py

A text is paragraphs apart by blank lines; `# ` begins a title, `## ` a heading, and a line `---` a new page. Fonts are
named, not embedded: Helvetica, which every reader has, and Song for Chinese, for which readers put in a font of their
own. A ToUnicode map says what the characters are, so that text can be selected and read out.

Source: PDF 32000-1:2008, sections 7 (syntax), 9.6–9.7 (fonts), 9.10 (text extraction), 12.3.3 (outlines).
"""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "examples" / "documents"

PAGE_WIDTH, PAGE_HEIGHT, MARGIN = 595, 842, 64  # A4, in points
SIZES = {"title": 20, "heading": 13, "paragraph": 10.5}
LEADING = 1.45  # line distance in font sizes
SPACE_AFTER = {"title": 14, "heading": 5, "paragraph": 7}

# Advance widths of Helvetica for U+0020 … U+007E, in thousandths of the font size.
WIDTHS = [
    *(278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278),
    *(556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556),
    *(1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778),
    *(667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556),
    *(333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556),
    *(556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584),
]
NOT_AT_LINE_START = "，。；：、）！？”』」"


@dataclass(frozen=True, kw_only=True)
class Block:
    kind: str  # "title", "heading", "paragraph" or "page break"
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    kind: str
    text: str
    y: float  # of the baseline


def make_pdf(text: str) -> bytes:
    """The PDF of a text; the same text gives the same bytes."""
    blocks = list(read_blocks(text))
    chinese = any(ord(letter) > 0x2FF for letter in text)
    return write_pdf(list(set_pages(blocks, chinese)), title=blocks[0].text, chinese=chinese)


def read_blocks(text: str) -> Iterator[Block]:
    for part in text.strip().split("\n\n"):
        words = " ".join(part.split())
        if words == "---":
            yield Block(kind="page break")
        elif words.startswith("## "):
            yield Block(kind="heading", text=words[3:])
        elif words.startswith("# "):
            yield Block(kind="title", text=words[2:])
        else:
            yield Block(kind="paragraph", text=words)


def set_pages(blocks: Iterable[Block], chinese: bool) -> Iterator[list[Line]]:
    """Lines with their places, a list a page. A page that is full flows over into another."""
    page: list[Line] = []
    y = float(PAGE_HEIGHT - MARGIN)
    for block in blocks:
        if block.kind == "page break":
            yield page
            page, y = [], float(PAGE_HEIGHT - MARGIN)
            continue
        size = SIZES[block.kind]
        for text in break_lines(block.text, size, chinese):
            y -= size * LEADING
            if y < MARGIN:
                yield page
                page, y = [], PAGE_HEIGHT - MARGIN - size * LEADING
            page.append(Line(kind=block.kind, text=text, y=y))
        y -= SPACE_AFTER[block.kind]
    yield page


def break_lines(text: str, size: float, chinese: bool) -> Iterator[str]:
    """Lines no wider than the page: between words, and in Chinese between any two characters that may be parted."""
    line = ""
    for piece in break_places(text):
        if line and width(line + piece.rstrip(), size, chinese) > PAGE_WIDTH - 2 * MARGIN:
            yield line.rstrip()
            line = ""
        line += piece
    yield line.rstrip()


def break_places(text: str) -> Iterator[str]:
    piece = ""
    for idx, letter in enumerate(text):
        piece += letter
        following = text[idx + 1 : idx + 2]
        if letter == " " or (ord(letter) > 0x2FF and following not in NOT_AT_LINE_START):
            yield piece
            piece = ""
    if piece:
        yield piece


def width(text: str, size: float, chinese: bool) -> float:
    """In points. In the Chinese font every character that is not ASCII is as wide as it is high."""
    if chinese:
        return size * sum(0.5 if ord(letter) < 0x80 else 1 for letter in text)
    return size / 1000 * sum(WIDTHS[ord(letter) - 0x20] for letter in text)


def write_pdf(pages: list[list[Line]], title: str, chinese: bool) -> bytes:
    """The file: catalog, page tree, outline of the headings, fonts, then a page and its content in turn."""
    num_fonts = 4 if chinese else 2
    first_page = 5 + num_fonts
    page_ids = [first_page + 2 * idx for idx in range(len(pages))]
    headings = [
        (line.text, page_ids[idx], line.y) for idx, page in enumerate(pages) for line in page if "head" in line.kind
    ]
    first_outline = first_page + 2 * len(pages)

    objects: list[bytes] = [
        b"<< /Type /Catalog /Pages 2 0 R /Outlines 4 0 R /Lang (%s) >>" % (b"zh-CN" if chinese else b"en"),
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), b" ".join(b"%d 0 R" % each for each in page_ids)),
        b"<< /Title %s /Author (Lanquan Heat Pumps) /CreationDate (D:20260105090000Z) >>" % text_string(title),
        b"<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>"
        % (first_outline, first_outline + len(headings) - 1, len(headings)),
        *(chinese_font(pages) if chinese else latin_fonts()),
    ]
    for page_id, page in zip(page_ids, pages, strict=True):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents %d 0 R "
            b"/Resources << /Font << /F1 5 0 R /F2 %d 0 R >> >> >>"
            % (PAGE_WIDTH, PAGE_HEIGHT, page_id + 1, 5 if chinese else 6)
        )
        objects.append(stream(b"\n".join(content_lines(page, chinese))))
    for idx, (heading, page_id, y) in enumerate(headings):
        own_id = first_outline + idx
        siblings = (b" /Prev %d 0 R" % (own_id - 1) if idx else b"") + (
            b" /Next %d 0 R" % (own_id + 1) if idx + 1 < len(headings) else b""
        )
        place = b"[%d 0 R /XYZ 0 %d 0]" % (page_id, y + 20)
        objects.append(b"<< /Title %s /Parent 4 0 R%s /Dest %s >>" % (text_string(heading), siblings, place))
    return assemble(objects)


def content_lines(page: list[Line], chinese: bool) -> Iterator[bytes]:
    yield b"BT"
    for line in page:
        font = b"F1" if line.kind == "paragraph" else b"F2"
        shown = b"<%s>" % line.text.encode("utf-16-be").hex().encode() if chinese else literal(line.text)
        yield b"/%s %g Tf 1 0 0 1 %d %.1f Tm %s Tj" % (font, SIZES[line.kind], MARGIN, line.y, shown)
    yield b"ET"


def latin_fonts() -> list[bytes]:
    return [
        b"<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>" % name
        for name in (b"Helvetica", b"Helvetica-Bold")
    ]


def chinese_font(pages: list[list[Line]]) -> list[bytes]:
    """One composite font over UTF-16 codes; its character collection is Adobe-GB1."""
    used = sorted({letter for page in pages for line in page for letter in line.text})
    return [
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H "
        b"/DescendantFonts [6 0 R] /ToUnicode 8 0 R >>",
        # CIDs 1 to 95 of Adobe-GB1 are ASCII, set half as wide as the rest.
        b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo "
        b"<< /Registry (Adobe) /Ordering (GB1) /Supplement 2 >> /FontDescriptor 7 0 R /DW 1000 /W [1 95 500] >>",
        b"<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 "
        b"/Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>",
        stream(to_unicode(used)),
    ]


def to_unicode(letters: list[str]) -> bytes:
    """The map from codes to characters, at most 100 entries a block as the format asks."""
    codes = [b"<%s>" % letter.encode("utf-16-be").hex().encode() for letter in letters]
    blocks = [codes[start : start + 100] for start in range(0, len(codes), 100)]
    body = b"\n".join(
        b"%d beginbfchar\n%s\nendbfchar" % (len(block), b"\n".join(b"%s %s" % (code, code) for code in block))
        for block in blocks
    )
    return (
        b"/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CMapName /Adobe-Identity-UCS def\n"
        b"/CMapType 2 def\n1 begincodespacerange\n<0000> <ffff>\nendcodespacerange\n%s\nendcmap\nend\nend" % body
    )


def text_string(text: str) -> bytes:
    return b"<feff%s>" % text.encode("utf-16-be").hex().encode()


def literal(text: str) -> bytes:
    escaped = text.encode("cp1252")
    for special in (b"\\", b"(", b")"):
        escaped = escaped.replace(special, b"\\" + special)
    return b"(%s)" % escaped


def stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)


def assemble(objects: list[bytes]) -> bytes:
    """Numbered objects, the table of their offsets, the trailer."""
    file = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(file)
    entries = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    file += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, entries)
    file += b"trailer\n<< /Size %d /Root 1 0 R /Info 3 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(file)


def main() -> None:
    for source in sorted(HERE.glob("*.txt")):
        target = TARGET / source.with_suffix(".pdf").name
        target.write_bytes(make_pdf(source.read_text("utf-8")))
        sys.stdout.write(f"{target}\n")


if __name__ == "__main__":
    main()
