"""Tokens of a text in any script."""

import pytest

from eval.metrics.tokens import text_tokens


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The cat's snake_case, 3.5!", ["the", "cat", "s", "snake", "case", "3", "5"]),
        ("我用Python写RAG。", ["我", "用", "python", "写", "rag"]),
        ("ＡＢＣ１２３，全角", ["abc123", "全", "角"]),
        ("コーヒー・東京", ["コ", "ー", "ヒ", "ー", "東", "京"]),
        ("한국어 text", ["한", "국", "어", "text"]),
        ("Cristóbal está", ["cristóbal", "está"]),
        ("𠮷野家 人々", ["𠮷", "野", "家", "人", "々"]),
        ("…!?", []),
    ],
)
def test_words_are_whole_and_cjk_characters_alone(text, tokens) -> None:
    assert text_tokens(text) == tokens
