"""Lines that the layout broke are joined; all others stay."""

import pytest

from appkit.retrieval.loaders.pdf_lines import drop_running_lines, join_lines, words_of

WIDE = "The pump is under warranty for two years from the day of its"  # 60 columns


def test_a_full_line_goes_on_in_the_next() -> None:
    assert join_lines(f"{WIDE}\ndelivery, the seal\nfor one.") == f"{WIDE} delivery, the seal\nfor one."


def test_chinese_is_joined_without_a_space_and_mixed_text_with_one() -> None:
    line = "水泵自交付之日起保修两年，密封圈自交付之日起保修一年，其他部件的保"
    assert join_lines(f"{line}\n修期见附录。") == f"{line}修期见附录。"
    assert join_lines(f"{line}\nABC 期") == f"{line} ABC 期"


@pytest.mark.parametrize(
    ("line", "next_line"),
    [
        (WIDE + " end.", "next sentence"),
        (WIDE, "- an item"),
        (WIDE, "2.1 A heading"),
        (WIDE, "第三章 保修"),
        (WIDE, "(b) a clause"),
        (WIDE, ""),
        (WIDE + ". . . . . . . . 7", "contents"),
        (WIDE, "column   column"),
        ("short", "line"),
    ],
)
def test_a_line_break_stays_where_something_speaks_for_it(line: str, next_line: str) -> None:
    page = f"{WIDE} x.\n{line}\n{next_line}\n{WIDE} x."
    assert join_lines(page) == page


def test_a_narrow_page_keeps_its_lines() -> None:
    assert join_lines("Name\nAddress\nTown") == "Name\nAddress\nTown"


def test_a_hyphen_goes_where_the_whole_word_is_known() -> None:
    page = f"{WIDE} inter-\nnational delivery"
    assert "international delivery" in join_lines(page, words_of(["International"]))
    assert "inter-national delivery" in join_lines(page, words_of([page]))


def test_running_heads_and_page_numbers_go() -> None:
    pages = [f"Manual {n} / 9\nText of {word}.\nAnd {word * 2}.\n{n}" for n, word in enumerate("abcdefg")]
    assert drop_running_lines(pages) == [f"Text of {word}.\nAnd {word * 2}." for word in "abcdefg"]


def test_heads_of_left_and_right_pages_go_both() -> None:
    pages = [f"{'Manual' if n % 2 else 'Warranty'}\nText {word}." for n, word in enumerate("abcdef")]
    assert drop_running_lines(pages) == [f"Text {word}." for word in "abcdef"]


def test_few_pages_and_pages_of_one_line_keep_everything() -> None:
    assert drop_running_lines(["Head\na", "Head\nb"]) == ["Head\na", "Head\nb"]
    assert drop_running_lines(["page 1"] * 9) == ["page 1"] * 9
