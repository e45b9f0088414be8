"""Markdown keeps its text; its headings are sections."""

import pytest

from appkit.retrieval.loaders.content import Content
from appkit.retrieval.loaders.markdown import read_markdown


def titles(content: Content) -> list[tuple[int, str]]:
    return [(section.level, section.title) for section in content.sections]


def test_the_text_is_the_files_own() -> None:
    text = "# 保修\n\nThe *warranty* [lasts](x.md) `two` years.\n\n| a | b |\n|---|---|\n"
    assert read_markdown(text.encode()).text == text


def test_both_kinds_of_headings_are_sections_at_their_line() -> None:
    content = read_markdown(b"intro\n\n# One #\nx\n\nTwo\n---\ny\n\n### `Three` of [us](u)\n")
    assert titles(content) == [(1, "One"), (2, "Two"), (3, "Three of us")]
    assert [content.text[s.start :].split("\n")[0] for s in content.sections] == [
        "# One #",
        "Two",
        "### `Three` of [us](u)",
    ]


@pytest.mark.parametrize(
    "text",
    ["```\n# no\n```", "~~~\n# no\n", "    # no", "<!--\n# no\n-->", "> # no", "- # no", "#no", "####### no", "\\# no"],
)
def test_what_only_looks_like_a_heading_is_none(text: str) -> None:
    assert titles(read_markdown(text.encode())) == []


def test_a_front_matter_names_the_document_and_is_no_heading() -> None:
    content = read_markdown('---\ntitle: "手册"\nauthor: Li\ndate: 2024-05-01\n---\n\n# One\n'.encode())
    assert (content.title, content.metadata) == ("手册", {"author": "Li", "date": "2024-05-01"})
    assert titles(content) == [(1, "One")]
    assert content.text[content.sections[0].start :] == "# One\n"


def test_a_rule_on_the_first_line_is_no_front_matter() -> None:
    assert titles(read_markdown(b"---\n\n# One\n\n---\n\n# Two\n")) == [(1, "One"), (1, "Two")]


def test_the_first_heading_is_the_title_where_it_is_of_the_first_level() -> None:
    assert read_markdown(b"# One\n# Two\n").title == "One"
    assert read_markdown(b"## One\n").title == ""


def test_windows_line_ends_and_invisible_characters_keep_offsets_exact() -> None:
    content = read_markdown("\ufeff# On\u200be\r\ntext\r\n## Two\r\n".encode())
    assert content.text == "# One\ntext\n## Two\n"
    assert [content.text[s.start : s.end] for s in content.sections] == ["# One\ntext\n## Two\n", "## Two\n"]
    assert content.metadata["removed_invisible"] == 1


@pytest.mark.parametrize("unit", [">", "- ", "[", "*", "`", "<", "#", "\n# x", "&", "|", "1. "])
def test_a_hostile_repetition_takes_time_in_proportion(unit: str) -> None:
    assert read_markdown((unit * 20_000 + "x").encode()).text.endswith("x")
