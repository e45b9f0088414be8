"""Files that break, loop, explode or lie, by name: the content, and the reasons for which it may be skipped."""

import io
import json
import zipfile
import zlib
from collections.abc import Callable

import docx
from pypdf import PdfReader, PdfWriter

from tests.helpers.tiny_pdf import PdfObjects, tiny_pdf

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def raw_pdf(*bodies: bytes) -> bytes:
    """A PDF of the given objects, numbered from 1; the first is the catalog."""
    objects = PdfObjects()
    for body in bodies:
        objects.add(body)
    return objects.finish(catalog=1, info=1)


def one_page_pdf(stream: bytes, filter: bytes = b"") -> bytes:
    """A PDF whose only page shows a stream."""
    return raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(stream), filter, stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )


def zeros(num_mib: int, char: bytes = b" ") -> bytes:
    """So many MiB of one character, deflated to a thousandth."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(char * (1 << 20)) for _ in range(num_mib)) + packer.flush()


def encrypted_pdf(algorithm: str = "RC4-128") -> bytes:
    """A PDF that asks for a password."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(tiny_pdf(["secret"]))))
    writer.encrypt("password", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def package(**changed: bytes | None) -> bytes:
    """A Word document with parts replaced, or removed where None is given; "word__document" is word/document.xml."""
    out, original = io.BytesIO(), io.BytesIO()
    document = docx.Document()
    document.add_paragraph("harmless")
    document.save(original)
    given = {name.replace("__", "/") + ".xml": data for name, data in changed.items()}
    with zipfile.ZipFile(original) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = given.get(name, source.read(name))
            if data is not None:
                target.writestr(name, data)
    return out.getvalue()


def word_xml(paragraphs: bytes, declaration: bytes = b"") -> bytes:
    """word/document.xml around some paragraphs."""
    head = b'<?xml version="1.0"?>%s<w:document xmlns:w="%s"><w:body>' % (declaration, NAMESPACE.encode())
    return head + paragraphs + b"</w:body></w:document>"


def laughs(num_levels: int = 9) -> bytes:
    """A declaration of entities, each ten of the one before."""
    entities = b'<!ENTITY a0 "ha">'
    for level in range(1, num_levels):
        entities += b'<!ENTITY a%d "%s">' % (level, b"&a%d;" % (level - 1) * 10)
    return b"<!DOCTYPE w [%s]>" % entities


def lying_zip() -> bytes:
    """A package whose directory understates the size of its document."""
    data = bytearray(package(word__document=word_xml(b"<w:p/>") + b" " * 5_000_000))
    size = len(word_xml(b"<w:p/>")) + 5_000_000
    honest, lie = size.to_bytes(4, "little"), (500).to_bytes(4, "little")
    return bytes(data.replace(honest, lie))


# Name → what makes it, and the reasons that are right. Built when asked for: some are large.
HOSTILE: dict[str, tuple[Callable[[], bytes], tuple[str, ...]]] = {
    "empty.txt": (lambda: b"", ("empty",)),
    "blank.md": (lambda: b" \n\t\n\xe2\x80\x8b", ("empty",)),
    "binary.txt": (lambda: bytes(range(256)) * 20, ("binary",)),
    "image.md": (lambda: b"\x89PNG\r\n\x1a\n" + b"text" * 50, ("binary",)),
    "archive.csv": (package, ("binary",)),
    "nothing-but-nul.log": (lambda: b"\0" * 1000, ("binary",)),
    "half-utf16.txt": (lambda: b"\xff\xfea\0b\0c", ("corrupt",)),
    "half-utf8.txt": (lambda: "保修期是两年".encode()[:-1] + b"\xff", ("corrupt",)),
    "no-pdf.pdf": (lambda: b"<html>moved</html>", ("corrupt",)),
    "head-only.pdf": (lambda: b"%PDF-1.7\n", ("corrupt",)),
    "truncated.pdf": (lambda: tiny_pdf(["x" * 2000])[:700], ("corrupt", "empty")),
    "encrypted-rc4.pdf": (encrypted_pdf, ("encrypted",)),
    "flate-bomb.pdf": (lambda: one_page_pdf(zeros(200), b"/Filter /FlateDecode"), ("too large", "empty", "too slow")),
    "double-flate-bomb.pdf": (
        lambda: one_page_pdf(zlib.compress(zeros(2000)), b"/Filter [/FlateDecode /FlateDecode]"),
        ("too large", "empty", "too slow"),
    ),
    "page-tree-cycle.pdf": (
        lambda: raw_pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 >>"),
        ("corrupt", "empty", "too slow"),
    ),
    "table-cycle.pdf": (
        lambda: (
            b"%PDF-1.7\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 1 /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF"
        ),
        ("corrupt", "too slow"),
    ),
    "inline-image.pdf": (lambda: one_page_pdf(b"BI /W 1 /H 1 ID " + b"x" * 100_000), ("corrupt", "empty")),
    "nested-arrays.pdf": (
        lambda: raw_pdf(b"<< /Type /Catalog /Pages " + b"[" * 200_000 + b" >>"),
        ("corrupt", "too slow"),
    ),
    "operators.pdf": (lambda: one_page_pdf(b"[()]TJ " * 3_000_000), ("too slow", "too large", "empty")),
    "form-cycle.pdf": (
        lambda: raw_pdf(
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << /XObject << /X 4 0 R >> >> >>",
            b"<< /Type /XObject /Subtype /Form /Resources << /XObject << /X 4 0 R >> >> /Length 11 >>\nstream\n"
            b"/X Do /X Do\nendstream",
        ),
        ("corrupt", "empty", "too slow"),
    ),
    "nested.html": (lambda: b"<div>" * 400_000 + b"x", ("too slow", "corrupt")),
    "no-text.html": (lambda: b"<html><script>alert(1)</script><style>p{}</style></html>", ("empty",)),
    "zip-bomb.docx": (lambda: package(word__document=word_xml(b" " * (300 << 20))), ("too large",)),
    "lying.docx": (lying_zip, ("corrupt", "too large")),
    "laughs.docx": (lambda: package(word__document=word_xml(b"<w:p>&a8;</w:p>", laughs())), ("corrupt",)),
    "outside-entity.docx": (
        lambda: package(
            word__document=word_xml(
                b"<w:p><w:r><w:t>&x;</w:t></w:r></w:p>", b'<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            )
        ),
        ("corrupt",),
    ),
    "laughs-utf16.docx": (
        lambda: package(
            word__document=word_xml(b"<w:p>&a8;</w:p>", laughs())
            .replace(b'"1.0"', b'"1.0" encoding="UTF-16"')
            .decode()
            .encode("utf-16")
        ),
        ("corrupt",),
    ),
    "truncated.docx": (lambda: package()[:3000], ("corrupt",)),
    "no-document.docx": (lambda: package(word__document=None), ("corrupt",)),
    "nested.docx": (lambda: package(word__document=word_xml(b"<w:p>" * 100_000)), ("corrupt",)),
    "old-word.docx": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000, ("corrupt",)),
    "encrypted.docx": (
        lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        ("encrypted",),
    ),
    "nested.json": (lambda: b"[" * 100_000 + b"]" * 100_000, ("corrupt",)),
    "half.json": (lambda: b'{"a": [1, 2', ("corrupt",)),
    "half.jsonl": (lambda: b'{"a": 1}\n{"a": \n', ("corrupt",)),
    "long-header.csv": (lambda: b"h" * 1_000_000 + b"\n" + b"1\n" * 1000, ("too large",)),
    "one-long-cell.csv": (lambda: b'a,b\n"' + b"x" * 20_000_000, ("corrupt",)),
    "no-cells.ipynb": (lambda: json.dumps({"cells": {"a": 1}}).encode(), ("corrupt",)),
    "wrong-cell.ipynb": (lambda: json.dumps({"cells": [{"cell_type": "code", "source": [1]}]}).encode(), ("corrupt",)),
}
