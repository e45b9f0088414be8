"""The folder that the demonstration asks about: its PDFs are what the script makes, and hold selectable text."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.helpers.shared_data import ROOT

DOCUMENTS = ROOT / "examples" / "documents"
SOURCES = sorted((ROOT / "scripts" / "demo_documents").glob("*.txt"))


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pdf", ROOT / "scripts" / "demo_documents" / "make_pdf.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pdf_of(source: Path) -> Path:
    return DOCUMENTS / f"{source.stem}.pdf"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_pdf_is_what_the_script_makes_of_its_text(source: Path) -> None:
    assert pdf_of(source).read_bytes() == load_script().make_pdf(source.read_text("utf-8"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_every_character_of_a_pdf_can_be_selected(source: Path) -> None:
    from pypdf import PdfReader

    read = "".join(page.extract_text() for page in PdfReader(pdf_of(source)).pages)
    written = "\n".join(line.lstrip("# ") for line in source.read_text("utf-8").splitlines() if line != "---")
    assert "".join(read.split()) == "".join(written.split())


def test_the_pdfs_have_pages_and_an_outline() -> None:
    from pypdf import PdfReader

    english, chinese = (PdfReader(DOCUMENTS / name) for name in ("warranty-terms.pdf", "保修条款.pdf"))
    assert (len(english.pages), len(chinese.pages)) == (4, 3)
    assert [entry["/Title"] for entry in chinese.outline][:2] == ["第一条 保修范围和保修期", "第二条 保修期的起止"]


def test_the_folder_has_the_formats_and_the_languages() -> None:
    files = [path for path in DOCUMENTS.iterdir() if not path.name.startswith(".")]
    chinese = {path.suffix for path in files if not path.name.isascii()}
    english = {path.suffix for path in files if path.name.isascii()}
    assert chinese == {".md", ".html", ".pdf"}
    assert english == {".md", ".html", ".pdf", ".csv"}
