from appkit.retrieval.documents import Document, Section
from appkit.retrieval.splitters import split_by_sections
from tests.appkit.retrieval.splitters.documents import count_words, document, markdown


def split(doc: Document, max_tokens: int = 16, overlap_tokens: int = 0) -> list[tuple[str, tuple[str, ...]]]:
    chunks = split_by_sections(doc, max_tokens=max_tokens, overlap_tokens=overlap_tokens, count_tokens=count_words)
    return [(chunk.text, chunk.section_path) for chunk in chunks]


MANUAL = "# Pump\n\nIt pumps.\n\n## Setup\n\nPlug it in.\n\n## Care\n\nOil it.\n"


def test_chunks_stay_within_chapters() -> None:
    assert split(markdown(MANUAL), 64) == [
        ("# Pump\n\nIt pumps.", ("Pump",)),
        ("## Setup\n\nPlug it in.", ("Pump", "Setup")),
        ("## Care\n\nOil it.", ("Pump", "Care")),
    ]


def test_a_tiny_chapter_goes_with_the_next() -> None:
    assert [text for text, _ in split(markdown(MANUAL), 96)] == [  # a sixteenth of 96 is 6; "# Pump It pumps." counts 5
        "# Pump\n\nIt pumps.\n\n## Setup\n\nPlug it in.",
        "## Care\n\nOil it.",
    ]


def test_a_heading_stays_with_the_text_below_it() -> None:
    doc = markdown(
        "## Setup\n\nOne two three four five six seven eight nine ten.\n\n### Power\n\nPlug the cable in now.\n"
    )
    assert [text for text, _ in split(doc)][1] == "### Power\n\nPlug the cable in now."


def test_a_chunk_rather_ends_at_a_deep_section_than_at_a_later_paragraph() -> None:
    doc = markdown(
        "## Care\n\nOil it now.\n\n#### Parts\n\nThe seal is here.\n\nThe hose is here.\n\nThe bolts are here.\n"
    )
    assert split(doc, 20)[0] == ("## Care\n\nOil it now.", ("Care",))


def test_a_title_stays_with_the_first_section_and_takes_its_path() -> None:
    assert split(markdown("# 水泵\n\n## 保修\n\n保修期为两年。\n")) == [
        ("# 水泵\n\n## 保修\n\n保修期为两年。", ("水泵", "保修"))
    ]


def test_a_section_without_text_keeps_its_own_path() -> None:
    doc = markdown("## Nothing is written under this one heading\n\n## Care\n\nOil the pump every year.\n")
    assert split(doc, 40)[0] == (
        "## Nothing is written under this one heading",
        ("Nothing is written under this one heading",),
    )


def test_no_chunk_ends_after_a_heading_even_where_it_could_be_fuller() -> None:
    heading = "#### A heading of a good many words, more than half a chunk"
    doc = markdown(f"Go.\n\n{heading}\n\nOne two three four five six seven eight nine ten.\n")
    assert split(doc, 26)[0] == ("Go.", ())


def test_nothing_overlaps_across_deep_sections() -> None:
    doc = markdown("#### A\n\nOne is here. Two is here.\n\n#### B\n\nThree is here. Four is here.\n")
    assert [text for text, _ in split(doc, 18, 6)][1].startswith("#### B")


def test_nothing_overlaps_across_sections() -> None:
    doc = markdown("## A\n\nOne is here. Two is here.\n\n## B\n\nThree is here. Four is here.\n")
    assert [text for text, _ in split(doc, 14, 6)] == [
        "## A\n\nOne is here. Two is here.",
        "## B\n\nThree is here. Four is here.",
    ]


def test_code_between_fences_is_cut_at_lines_only() -> None:
    code = "\n".join(f"call(a{idx}). B" for idx in range(12))
    texts = [text for text, _ in split(markdown(f"## Use\n\nRun it.\n\n```\n{code}\n```\n"), 24)]
    lines = code.split("\n")
    assert all(line in lines for text in texts for line in text.split("\n") if line.startswith("call"))
    assert sum(text.count("call") for text in texts) == 12


def test_a_heading_inside_a_fence_is_code() -> None:
    text = "## Use\n\n```\n# not a heading\nrun()\n```\n"
    section = Section(title="Use", level=2, start=0, end=len(text))
    assert split(document(text, "text/markdown", (section,)), 40) == [(text.strip(), ("Use",))]


def test_a_table_is_cut_between_its_rows() -> None:
    rows = [f"| pump {idx} | {idx} |" for idx in range(8)]
    texts = [text for text, _ in split(markdown("## Stock\n\n" + "\n".join(rows) + "\n"), 20)]
    assert [row for text in texts for row in text.split("\n") if row.startswith("|")] == rows


def test_an_underlined_heading_keeps_its_underline() -> None:
    text = "Pump\n====\n\n" + "It pumps water all day. " * 4
    section = Section(title="Pump", level=1, start=0, end=len(text))
    assert split(document(text, "text/markdown", (section,)))[0][0].startswith("Pump\n====\n\nIt pumps")


def test_a_section_whose_title_is_not_in_the_text_has_no_heading() -> None:
    text = "First page text is here.\nSecond page text is here.\n"
    sections = (
        Section(title="Part I", level=1, start=0, end=25),
        Section(title="Part II", level=1, start=25, end=len(text)),
    )
    assert split(document(text, "application/pdf", sections), 32) == [
        ("First page text is here.", ("Part I",)),
        ("Second page text is here.", ("Part II",)),
    ]


def test_text_after_a_chapter_begins_a_chunk() -> None:
    text = "## Setup\n\nPlug the cable in.\n\nA footer follows here."
    section = Section(title="Setup", level=2, start=0, end=text.index("A footer"))
    assert split(document(text, "text/html", (section,)), 40)[1] == ("A footer follows here.", ())
