"""Word: paragraphs, lists and tables in order, headings by style."""

import datetime
import io
from collections.abc import Callable
from typing import Any

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE

from appkit.retrieval.loaders.content import Content
from appkit.retrieval.loaders.docx import read_docx
from appkit.retrieval.loaders.errors import UnusableContentError
from tests.helpers.hostile_files import package, word_xml


def read(fill: Callable[[Any], None]) -> Content:
    document = docx.Document()
    fill(document)
    out = io.BytesIO()
    document.save(out)
    return read_docx(out.getvalue())


def fill_manual(document: Any) -> None:
    document.add_heading("手册", 0)
    document.add_heading("保修条款", 1)
    document.add_paragraph("保修期是两年。")
    document.add_heading("Parts", 2)
    document.add_paragraph("seal", style="List Bullet")
    document.add_paragraph("pump", style="List Number")
    table = document.add_table(2, 2)
    for idx, text in enumerate(["part", "years", "seal", "1"]):
        table.cell(idx // 2, idx % 2).text = text
    document.add_paragraph("end")


def test_blocks_come_in_order() -> None:
    assert (
        read(fill_manual).text
        == "手册\n\n保修条款\n\n保修期是两年。\n\nParts\n- seal\n- pump\n\npart | years\nseal | 1\n\nend\n"
    )


def test_heading_styles_are_sections() -> None:
    content = read(fill_manual)
    assert [(s.title, s.level) for s in content.sections] == [("手册", 1), ("保修条款", 1), ("Parts", 2)]
    assert all(content.text[s.start :].startswith(s.title) for s in content.sections)


def test_properties_give_title_author_and_date() -> None:
    def fill(document: Any) -> None:
        document.add_paragraph("x")
        document.core_properties.title, document.core_properties.author = "T", "Li"
        document.core_properties.created = datetime.datetime(2024, 5, 1)

    content = read(fill)
    assert (content.title, content.metadata) == ("T", {"author": "Li", "date": "2024-05-01"})


def test_links_and_insertions_are_text_and_deletions_are_not() -> None:
    xml = b"".join(
        b"<w:p>" + inner + b"</w:p>"
        for inner in (
            b"<w:r><w:t>a</w:t></w:r><w:hyperlink><w:r><w:t>b</w:t></w:r></w:hyperlink><w:ins><w:r><w:t>c</w:t></w:r></w:ins>",
            b"<w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:t>d</w:t><w:tab/><w:t>e</w:t></w:r>",
        )
    )
    assert read_docx(package(word__document=word_xml(xml))).text == "abc\n\nd\te\n"


def test_an_outline_level_is_a_heading_too() -> None:
    paragraph = b'<w:p><w:pPr><w:outlineLvl w:val="%d"/></w:pPr><w:r><w:t>%s</w:t></w:r></w:p>'
    content = read_docx(package(word__document=word_xml(paragraph % (1, b"Part") + paragraph % (9, b"body"))))
    assert [(s.title, s.level) for s in content.sections] == [("Part", 2)]


def test_a_style_based_on_a_heading_is_one() -> None:
    def fill(document: Any) -> None:
        style = document.styles.add_style("Kapitel", WD_STYLE_TYPE.PARAGRAPH)
        style.base_style = document.styles["Heading 2"]
        document.add_paragraph("Pumpe", style="Kapitel")

    assert [(s.title, s.level) for s in read(fill).sections] == [("Pumpe", 2)]


def test_a_table_in_a_table_is_text_of_its_cell() -> None:
    def fill(document: Any) -> None:
        cell = document.add_table(1, 2).cell(0, 1)
        cell.add_table(1, 2).cell(0, 0).text = "inner"

    assert read(fill).text == " | inner\n\n"


def test_what_was_moved_away_and_second_versions_are_left_out() -> None:
    run = b"<w:r><w:t>%s</w:t></w:r>"
    mc = b'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    both = b"<w:r><mc:AlternateContent %s><mc:Choice><w:t>new</w:t></mc:Choice><mc:Fallback><w:t>old</w:t>" % mc
    xml = b"<w:p><w:moveFrom>%s</w:moveFrom>%s%s</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    data = package(word__document=word_xml(xml % (run % b"moved", run % b"kept ", both)))
    assert read_docx(data).text == "kept new\n"


def test_a_content_control_is_text_and_a_table_of_contents_is_not() -> None:
    control = b"<w:sdt>%s<w:sdtContent><w:p><w:r><w:t>%s</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    gallery = b'<w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
    xml = control % (b"", b"kept") + control % (gallery, b"contents")
    assert read_docx(package(word__document=word_xml(xml))).text == "kept\n"


def test_a_declaration_of_entities_is_refused_before_it_is_parsed() -> None:
    data = package(word__document=word_xml(b"<w:p/>", b"<!DOCTYPE w [<!ENTITY a 'b'>]>"))
    with pytest.raises(UnusableContentError, match=r"word/document\.xml.*entities"):
        read_docx(data)
