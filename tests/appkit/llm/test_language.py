"""A Chinese question to a model without Chinese is noticed; everything else is left in peace."""

import pytest

from appkit.llm.language import is_chinese, language_notice


@pytest.mark.parametrize("text", ["保修期是多久？", "用 Python 写一个 hello world", "天空為什麼是藍色的", "好", "㐀𠀀"])
def test_chinese_is_recognised(text: str) -> None:
    assert is_chinese(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Why is the sky blue?",
        "What does 好 mean?",
        "東京はどこですか",
        "Où est 北京 sur la carte ?",
        "😀 123",
        "Привет",
    ],
)
def test_other_text_is_not_taken_for_chinese(text: str) -> None:
    assert not is_chinese(text)


def test_the_notice_is_one_line_in_both_languages_with_the_way_out() -> None:
    notice = language_notice("保修期是多久？", "smollm2-135m", ("en",))
    assert notice is not None
    assert "\n" not in notice
    assert "not trained on Chinese" in notice
    assert "没有学过中文" in notice
    assert "appkit models recommend --language zh" in notice


@pytest.mark.parametrize("languages", [("en", "zh"), ("multilingual",), ()])
def test_no_notice_where_the_model_may_know_chinese(languages: tuple[str, ...]) -> None:
    assert language_notice("保修期是多久？", "m", languages) is None
