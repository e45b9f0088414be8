"""PDF: text page by page, with page spans that hold every character."""

import io

import pytest
from pypdf import PdfReader, PdfWriter

from appkit.retrieval.documents import PageSpan
from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.pdf import read_pdf
from tests.helpers.tiny_pdf import PdfObjects, tiny_pdf

PAGES = ["Warranty\nThe pump (model 7) lasts two years.", "第二章 保修\n保修期是两年，密封圈为一年。", "and 中文 mixed"]


@pytest.mark.parametrize("compress", [False, True])
def test_pages_in_order_with_their_spans(compress: bool) -> None:
    content = read_pdf(tiny_pdf(PAGES, compress=compress))
    assert [content.text[p.start : p.end].strip() for p in content.pages] == PAGES
    assert [p.page_number for p in content.pages] == [1, 2, 3]


def test_every_character_has_a_page() -> None:
    content = read_pdf(tiny_pdf(["one", "", "three"]))
    assert [(p.start, p.end) for p in content.pages] == [(0, 4), (4, 4), (4, len(content.text))]
    assert content.pages[1] == PageSpan(page_number=2, start=4, end=4)


def test_a_sentence_that_runs_over_a_page_is_not_torn_apart() -> None:
    assert read_pdf(tiny_pdf(["It lasts", "two years.", "Next."])).text == "It lasts\ntwo years.\n\nNext.\n\n"


def test_the_outline_gives_sections_at_their_titles() -> None:
    content = read_pdf(tiny_pdf(PAGES, outline=[("Warranty", 1), ("第二章 保修", 2), ("Not in the text", 3)]))
    assert [content.text[s.start : s.start + 6] for s in content.sections] == ["Warran", "第二章 保修", "and 中文"]


def test_title_author_and_a_file_name_for_a_title() -> None:
    content = read_pdf(tiny_pdf(["x"], title="手册", author="Li"))
    assert (content.title, content.metadata) == ("手册", {"author": "Li"})
    assert read_pdf(tiny_pdf(["x"], title="Microsoft Word - draft.doc")).title == ""


def locked(user_password: str, algorithm: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(tiny_pdf(["secret"]))))
    writer.encrypt(user_password, "owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_a_pdf_locked_against_printing_alone_is_read() -> None:
    assert read_pdf(locked("", "RC4-128")).text.strip() == "secret"


def test_a_pdf_that_needs_a_password_is_encrypted() -> None:
    with pytest.raises(UnusableContentError, match="password") as caught:
        read_pdf(locked("word", "RC4-128"))
    assert caught.value.reason == "encrypted"


def test_pages_without_text_are_empty_and_say_what_helps() -> None:
    with pytest.raises(UnusableContentError, match=r"\(2\).*OCR") as caught:
        read_pdf(tiny_pdf(["", ""]))
    assert caught.value.reason == "empty"


def test_words_of_a_font_without_a_space_are_kept_apart() -> None:
    objects = PdfObjects()
    catalog, tree = objects.reserve(), objects.reserve()
    codes = {char: idx for idx, char in enumerate("=twoyears", start=32)}  # code 32 is "=", 900 wide
    entries = "".join(f"<{code:04x}> <{ord(char):04x}>\n" for char, code in codes.items())
    to_unicode = objects.add_stream(
        f"begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange\n"
        f"{len(codes)} beginbfchar\n{entries}endbfchar".encode()
    )
    shapes = objects.add(
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /X /DW 500 /W [32 [900]] /CIDSystemInfo << /Registry (Adobe) "
        b"/Ordering (Identity) /Supplement 0 >> >>"
    )
    font = objects.add(
        b"<< /Type /Font /Subtype /Type0 /BaseFont /X /Encoding /Identity-H /DescendantFonts [%d 0 R] "
        b"/ToUnicode %d 0 R >>" % (shapes, to_unicode)
    )
    two, years = ("".join(f"{codes[char]:04x}" for char in word) for word in ("two", "years"))
    stream = objects.add_stream(f"BT /F 10 Tf 50 700 Td [<{two}> -250 <{years}>] TJ ET".encode())
    page = objects.add(
        b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
        b"/Resources << /Font << /F %d 0 R >> >> >>" % (tree, stream, font)
    )
    objects.set(tree, b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % page)
    objects.set(catalog, b"<< /Type /Catalog /Pages %d 0 R >>" % tree)
    assert read_pdf(objects.finish(catalog, catalog)).text.strip() == "two years"
