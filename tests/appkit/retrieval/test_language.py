import pytest

from appkit.retrieval.language import guess_language, is_mostly_english


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the warranty period?", "en"),
        ("warranty", "en"),
        ("x = foo(bar)", "en"),
        ("12345", "en"),
        ("", "en"),
        ("保修期是多久？", "zh"),
        ("保修", "zh"),
        ("如何安装 apt-get package manager", "zh"),
        ("如何在 Debian 上使用 apt 安装 Python？", "zh"),
        ("Wie lange ist die Garantie auf das Gerät?", "other"),
        ("Quelle est la durée de la garantie ?", "other"),
        ("¿Cuál es el plazo de la garantía?", "other"),
        ("東京はどこですか", "other"),
        ("보증 기간은 얼마입니까?", "other"),
        ("Какой гарантийный срок?", "other"),
        ("The Chinese word for warranty is 保修, as the manual says.", "en"),
    ],
)
def test_the_language_of_a_text_is_told(text: str, language: str) -> None:
    assert guess_language(text) == language


def test_a_long_text_is_judged_by_beginning_middle_and_end() -> None:
    assert guess_language("Title of the book\n" + "这是一本关于水泵的书。" * 2000) == "zh"


@pytest.mark.parametrize(
    ("text", "is_english"),
    [
        ("The pump is new.", True),
        ("The pump (水泵) is new, and so is everything else in the house.", True),
        ("The pump is new. 水泵是新的，房子里的其他东西也是新的。", False),
        ("Die Pumpe ist neu und das Haus nicht.", False),
        ("水泵是新的。", False),
        ("", True),
    ],
)
def test_an_english_embedder_is_enough_for_text_that_is_nearly_all_english(text: str, is_english: bool) -> None:
    assert is_mostly_english(text) is is_english
