"""Markdown that comes in pieces looks in the end as if it had come at once, on a screen of any size."""

from typing import TextIO, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.cli.live_markdown import LiveLines, MarkdownBuffer, rendered
from appkit.cli.markdown import Line, plain, styled
from tests.helpers.terminal_screen import TerminalScreen

# What blocks are made of, so that random texts meet the rules of Markdown often.
_FRAGMENTS = [
    *("- ", "* ", "1. ", "2) ", "> ", ">", "# ", "## ", "```", "```py", "~~~", "    ", "  ", "\t", "\n", "\n\n"),
    *("---", "===", "|", "a | b", "---|---", "| x |", "**", "*", "_", "`", "~~", "[x](y)", "[x]: /y", "<b>", "&#27;"),
    *("\\[", "\\", "word", "a long line of words", "x = 1", "0", "中文，", "**注意：**请", "长的中文句子没有空格。"),
    *("👍", "é", "e\u0301", "\u202e", "\x1b[31m", "\r"),
]
_TEXTS = st.lists(st.sampled_from(_FRAGMENTS), max_size=40).map("".join)


@st.composite
def _pieces(draw: st.DrawFn) -> list[str]:
    text = draw(_TEXTS)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=20)))
    return [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@settings(max_examples=400, deadline=None)
@given(_pieces(), st.integers(12, 60))
def test_however_a_text_is_cut_its_lines_are_the_same(pieces: list[str], width: int) -> None:
    buffer = MarkdownBuffer(width)
    lines: list[Line] = []
    for piece in pieces:
        buffer.add(piece)
        lines += buffer.take_finished()
    lines += buffer.take_rest()
    assert [styled(line) for line in lines] == [styled(line) for line in rendered("".join(pieces), width)]


@settings(max_examples=200, deadline=None)
@given(_pieces(), st.integers(12, 40), st.integers(3, 12))
def test_the_screen_shows_in_the_end_what_was_rendered(pieces: list[str], width: int, height: int) -> None:
    screen = TerminalScreen(width, height)
    buffer, live = MarkdownBuffer(width), LiveLines(cast(TextIO, screen), width=width, height=height)
    for piece in pieces:
        buffer.add(piece)
        live.show(buffer.take_finished(), buffer.unfinished())
    live.show(buffer.take_rest(), [])
    live.end()
    expected = TerminalScreen(width, height)
    for line in rendered("".join(pieces), width):
        expected.write(plain(line) + "\n")
    assert screen.text == expected.text
