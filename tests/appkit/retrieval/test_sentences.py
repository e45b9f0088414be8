import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.retrieval.sentences import split_sentences

unhurried = settings(deadline=None)  # an example may wait for the other tests of a busy machine


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


# Sentences are written with "|" where one ends.
ENGLISH = [
    "It rained.| We stayed.",
    "Dr. Smith met Mr. and Mrs. Jones.| They left.",
    "J. R. R. Tolkien wrote it.| He was English.",
    "The U.S. Army came.| It left.",
    "She lives in the U.S.| She likes it.",
    "Pi is 3.14 and version 2.0.1 is out.| Upgrade now.",
    "It costs $5.00.| Pay at 5 p.m. Monday.",
    "See Fig. 3 and Sec. IV.| Then read on.",
    "Bring pens, paper, etc.| The exam starts at nine.",
    "Use a tool, e.g. Make, i.e. GNU Make.| It helps.",
    "Smith et al. (2019) agree.| So do we.",
    "Wait... what?| Yes!",
    "He stopped...| Then he ran.",
    '"Why?" he asked.| "Because."| She went.',
    "(It is late.)| Go home.",
    "“Stop!”| He did.",
    "It is known.[12]| It is proven.[3][4]",
    "Open index.html or example.com/a.html now.| Done.",
    "Really?!| Yes.",
    "He works at Acme Inc. in Boston.| He likes it.",
    "It is item No. 5 of them.| He said no.| Then yes.",
    "It ended in 1990.| 25 people came.",
    "`` Stop it . ''| He did . | They left .",
    "Wait for it. . . .| Now it comes. ...",
]
CHINESE = [
    "今天下雨。|我们在家。",
    "真的吗？|真的！|好。",
    "他说：“你好。”|然后走了。",
    "「不行！」|她喊道。",
    "（见附录。）|下一句。",
    "第一，停机；|第二，断电。",
    "我不知道……|也许吧。",
    "圆周率是3.14，版本是2.0。|请升级。",
    "请打开文件.txt。|然后保存。",
    '他说："你好。"|然后走了。',
    '他走了。|"你好。"|她说。',
    "不会吧？！|会的。",
    "他来了.|她走了.",
]
MIXED = [
    "安装 Python 3.12。|Then run it.| 然后重启！|Done.",
    "This is English.|这是中文。|And again.",
    "Dr. Wang说：“可以。”|We agreed.",
    "今日は雨です。|家にいます。",
]


@pytest.mark.parametrize("marked", ENGLISH + CHINESE + MIXED)
def test_sentences_end_where_a_reader_ends_them(marked: str) -> None:
    assert sentences(marked.replace("|", "")) == [sentence.strip() for sentence in marked.split("|")]


def test_a_wrapped_paragraph_stays_together() -> None:
    text = "The pump needs a new seal\nevery year. The Swiss factory in\nBern sends it on request.\n"
    assert sentences(text) == [
        "The pump needs a new seal\nevery year.",
        "The Swiss factory in\nBern sends it on request.",
    ]


def test_a_short_last_line_ends_a_paragraph_even_without_a_full_stop() -> None:
    text = "The pump needs a new seal every single year\nas it says here\nOrders go to the factory near Bern or\nto us."
    assert [len(sentence.splitlines()) for sentence in sentences(text)] == [2, 2]


def test_a_wrapped_chinese_paragraph_stays_together() -> None:
    text = (
        "这台水泵每年都需要更换一次密封圈，否则会有漏水的危险，维修费用由用户\n"
        "承担。保修期为两年，自购买之日起计算，请妥善保存发票以及本说明书，\n以备查验。"
    )
    assert [len(sentence.splitlines()) for sentence in sentences(text)] == [2, 2]


@pytest.mark.parametrize(
    "text",
    [
        "- one\n- two",
        "* one\n* two",
        "1. One thing\n2. Two things",
        "1、第一\n2、第二",
        "一、第一\n二、第二",
        "(a) one\n(b) two",
    ],
)
def test_list_items_are_sentences_of_their_own(text: str) -> None:
    assert sentences(text) == text.split("\n")


def test_a_list_item_keeps_its_continuation_lines() -> None:
    assert sentences("- one is\n  long\n- two") == ["- one is\n  long", "- two"]


def test_headings_table_rows_and_fences_end_at_their_lines() -> None:
    text = "# Setup\nPlug it in\n| a | b |\n| 1 | 2 |\n```\nx = 1\n```"
    assert sentences(text) == ["# Setup", "Plug it in", "| a | b |", "| 1 | 2 |", "```", "x = 1", "```"]


def test_blank_lines_and_page_breaks_end_a_sentence() -> None:
    assert sentences("one\n\ntwo\r\n \r\nthree\ffour") == ["one", "two", "three", "four"]


@pytest.mark.parametrize("text", ["", " \n\t\r\n", "\f"])
def test_blank_text_has_no_sentences(text: str) -> None:
    assert split_sentences(text) == []


@unhurried
@given(st.one_of(st.text(max_size=300), st.text('ab.A。"” \n\r-1!…；', max_size=80)))
def test_sentences_are_trimmed_in_order_and_leave_only_blanks_out(text: str) -> None:
    end = 0
    for start, next_end in split_sentences(text):
        assert text[end:start].strip() == "" and text[start:next_end].strip() == text[start:next_end] != ""
        end = next_end
    assert text[end:].strip() == ""
