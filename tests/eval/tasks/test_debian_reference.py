"""The Debian Reference: sections without their headings, paired across languages."""

from pathlib import Path

import pytest

from eval.tasks.debian_reference import DATA, Edition, build_collection, load_sections

PAGE = """<html><body><div class="chapter">
<div class="titlepage"><h1 class="title"><a id="_basics"/>{chapter}</h1></div>
<div class="toc"><a href="#_shell">1.1. The shell prompt</a></div><p>{intro}</p>
<div class="section"><div class="titlepage"><h2 class="title"><a id="_shell"/>1.1. {title}</h2></div><p>{text}</p>
<div class="section">
<div class="titlepage"><h3 class="title"><a id="_deeper"/>1.1.1. {title}</h3></div><p>{text}</p></div>
</div></div></body></html>"""
LONG = "After the system starts, a login prompt waits for your name and password."
TEXTS = {
    "en": {
        "chapter": "Chapter 1. Basics",
        "intro": "An introduction. " + LONG,
        "title": "The shell prompt",
        "text": LONG,
    },
    "zh": {"chapter": "第 1 章 基础", "intro": "短", "title": "shell 提示符", "text": "启动系统之后，" * 10},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ch01.en.html").write_text(PAGE.format(**TEXTS["en"]), "utf-8")
    (tmp_path / "ch01.zh-cn.html").write_text(PAGE.format(**TEXTS["zh"]), "utf-8")
    return tmp_path


def test_a_section_is_its_own_text_without_heading_and_subsections(folder: Path) -> None:
    sections = load_sections(folder, "en")
    assert sections["_shell"] == ("The shell prompt", LONG)
    assert sections["_deeper"] == ("The shell prompt", LONG)
    assert sections["_basics"] == ("Basics", "An introduction. " + LONG)


def test_chinese_titles_lose_their_numbers_too(folder: Path) -> None:
    titles = {anchor: title for anchor, (title, _) in load_sections(folder, "zh").items()}
    assert titles == {"_basics": "基础", "_shell": "shell 提示符", "_deeper": "shell 提示符"}


def test_titles_that_two_sections_share_and_short_texts_are_left_out(folder: Path) -> None:
    editions: tuple[Edition, ...] = ("en", "zh")
    collections = build_collection({edition: load_sections(folder, edition) for edition in editions})
    assert [query.query_id for query in collections["en", "en"].queries] == ["_basics"]
    assert collections["en", "en"].queries[0].grades == {"en/_basics": 1}
    assert set(collections["zh", "zh"].passages) == {"zh/_shell", "zh/_deeper"}  # the introduction is too short
    assert not collections["en", "zh"].queries


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="apt-get install debian-reference-zh-cn"):
        load_sections(tmp_path, "zh")


@pytest.mark.parametrize("edition", ["en", "zh"])
def test_the_real_book_has_hundreds_of_sections_that_do_not_hold_their_heading(edition: Edition) -> None:
    if not DATA.exists():
        pytest.skip(f"the packages debian-reference-en and debian-reference-zh-cn are not installed in {DATA}")
    sections = load_sections(DATA, edition)
    assert len(sections) > 400
    assert sum(text.startswith(title) for title, text in sections.values()) < len(sections) / 4
    assert all(title and not title[0].isdigit() for title, _ in sections.values())
