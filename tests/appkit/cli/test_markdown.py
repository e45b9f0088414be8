"""Markdown as lines of a terminal: what each block looks like, and what cannot get through."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.cli.columns import columns
from appkit.cli.live_markdown import rendered
from appkit.cli.markdown import BOLD, CODE, ITALIC, Run, plain


def shown(source: str, width: int = 40) -> str:
    return "\n".join(plain(line) for line in rendered(source, width))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("one\ntwo", "one\ntwo"),  # a line break that was written is kept
        ("# Title\ntext", "Title\ntext"),
        ("\n \n text", "text"),  # empty lines before an answer are none of it
        ("a\n\n\n\nb", "a\n\nb"),
        ("- a\n- b\n\n  c\n1. d\n2. e", "• a\n• b\n\n  c\n1. d\n2. e"),
        ("7) a\n8) b", "7) a\n8) b"),
        ("- - a\n  - b", "• • a\n  • b"),
        ("> a\n>\n> - b", "│ a\n│\n│ • b"),
        ("a\n\n> b\n> > c\n>\n> > d\n\ne", "a\n\n│ b\n│ │ c\n│\n│ │ d\n\ne"),
        ("- a\n\n  > b\n\n- c", "• a\n\n  │ b\n\n• c"),
        ("```py\nif x:\n\ty\n\nz\n```\nafter", "if x:\n    y\n\nz\nafter"),
        ("    code  \n", "code"),
        ("a [b](http://c/) <http://d/>", "a b (http://c/) http://d/"),
        ("![a cat](http://c/)", "[a cat] (http://c/)"),
        ("[b]\n\n[b]: /later", "[b]\n\n[b]: /later"),  # a definition must not change what was printed before it
        (r"\(x_1\) \[y\] \*z\* a_b_c", r"\(x_1\) \[y\] *z* a_b_c"),
        ("<b>x</b> &lt; &amp;", "<b>x</b> < &"),
        ("名称|n\n---|--:\n苹果|3\nb|12", "名称 │  n\n─────┼───\n苹果 │  3\nb    │ 12"),
    ],
)
def test_block_looks_like(source: str, expected: str) -> None:
    assert shown(source) == expected


def test_a_table_too_wide_for_the_screen_becomes_a_list() -> None:
    table = "name|what it does\n-|-\na|goes on and on and on\nb|stops"
    assert shown(table, 24) == "name: a\nwhat it does: goes on\nand on and on\n──────────\nname: b\nwhat it does: stops"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a **b** *c* `d`", [Run("a "), Run("b", BOLD), Run(" "), Run("c", ITALIC), Run(" "), Run("d", CODE)]),
        ("**注意：**请备份", [Run("注意：", BOLD), Run("请备份")]),  # CommonMark by itself leaves the asterisks
        ("请看**“这里”**。", [Run("请看"), Run("“这里”", BOLD), Run("。")]),
        ("2 * 3 * 4", [Run("2 * 3 * 4")]),
        ("**一** 和 **二**", [Run("一", BOLD), Run(" 和 "), Run("二", BOLD)]),
    ],
)
def test_inline_styles(source: str, expected: list[Run]) -> None:
    (line,) = rendered(source, 80)
    merged: list[Run] = []
    for run in line:
        if merged and merged[-1].style == run.style:
            merged[-1] = Run(merged[-1].text + run.text, run.style)
        else:
            merged.append(run)
    assert merged == expected


def test_chinese_wraps_between_characters_and_not_before_punctuation() -> None:
    assert shown("一二三四五，六七八九十。", 10) == "一二三四\n五，六七八\n九十。"
    assert shown("用 Python 写的程序", 10) == "用 Python\n写的程序"


_HOSTILE = [
    *("\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "&#27;[31m", "&#x202e;", "\u202e", "\u200b", "\x00", "\r", "\x08"),
    *("[a](http://x/\x1b[1m)", "![\x1b](\x1b)", "`\x1b[H`", "```\x1b[2J\n\x1b[2J\n```", "|\x1b|\n|-|\n|&#x9b;|"),
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*_HOSTILE, "a", " ", "\n", "- ", "**"]), max_size=12).map("".join))
def test_nothing_a_terminal_obeys_gets_through(source: str) -> None:
    for line in rendered(source, 40):
        assert not [c for c in plain(line) if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")]


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from("ab 中，。（👍e\u0301-*`_"), max_size=200), st.integers(12, 40))
def test_lines_fit_and_no_word_is_lost(source: str, width: int) -> None:
    lines = rendered(f"x{source}", width)  # a paragraph
    assert all(columns(plain(line)) <= width for line in lines)
    assert sum(plain(line).count("中") for line in lines) == source.count("中")
