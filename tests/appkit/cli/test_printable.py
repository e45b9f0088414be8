"""What a document holds cannot command a terminal or hide in it."""

import pytest

from appkit.cli import printable as module
from appkit.cli.printable import highlighted, on_one_line, printable, reflowed


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\x1b[2Jb", "a[2Jb"),  # clears the screen
        ("a\x1b]0;title\x07b", "a]0;titleb"),
        ("safe\rover", "safeover"),
        ("abc\u202egnp.exe", "abcgnp.exe"),  # right to left from here on
        ("in\u200bvi\u2060si\ufeffble", "invisible"),
        ("\U000e0041tagged", "tagged"),
        ("\x9b31mred", "31mred"),  # C1 control
        ("保修期　五年\tpump\n", "保修期　五年\tpump\n"),
    ],
)
def test_characters_that_command_or_hide_are_left_out(hostile: str, shown: str) -> None:
    assert printable(hostile) == shown


def test_lines_are_joined_by_a_space_where_the_language_has_spaces() -> None:
    assert on_one_line("covered for\n  ten years") == "covered for ten years"
    assert on_one_line("水泵及其\n他附件") == "水泵及其他附件"
    assert on_one_line("LQ-8 的\n费用为 390\n欧元") == "LQ-8 的费用为 390 欧元"


def test_only_line_breaks_that_wrapped_a_paragraph_are_taken_out() -> None:
    wrapped = (
        "Tanks are covered for eight years against rusting through, if their magnesium\nanode was replaced in time."
    )
    assert reflowed(wrapped) == wrapped.replace("\n", " ")
    chinese = "服务台在两个工作日内答复，并约定上门日期。采暖季里家中没有其他热源的，技术人员在三个工作\n日内上门。"
    assert reflowed(chinese) == chinese.replace("\n", "")
    table = "part number: 4420\nname: Magnetic separator\nprice EUR: 129.00"
    assert reflowed(table) == table


def test_a_quote_stands_out_with_and_without_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_colourful", lambda: False)
    assert highlighted("ten years") == "«ten years»"
    monkeypatch.setattr(module, "is_colourful", lambda: True)
    assert highlighted("ten years") == "\x1b[1;33mten years\x1b[0m"


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert module.is_colourful()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not module.is_colourful()
