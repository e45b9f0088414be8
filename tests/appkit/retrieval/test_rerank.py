"""Query likelihood: what is scored, and how long texts are cut."""

import math

import pytest

from appkit import ScriptedModel
from appkit.errors import CapabilityError
from appkit.llm.local import LocalModel
from appkit.retrieval.rerank import MAX_PASSAGE_TOKENS, question_likelihoods
from tests.helpers.real_models import real_model

PASSAGES = [
    "The warranty of the pump lasts five years from the day of purchase.",
    "Blue whales eat krill and can be thirty metres long.",
    "Bread dough rises because yeast makes gas in it.",
]


def shared_letters(prompt: str, continuation: str) -> list[float]:
    """A toy model: a character is likely if the prompt holds it."""
    return [0.0 if character in prompt else -4.0 for character in continuation]


def test_the_score_is_the_mean_over_the_questions_tokens() -> None:
    model = ScriptedModel(["-"], score=lambda prompt, text: [-1.0] * (len(text) - 1) + [-3.0])
    assert question_likelihoods(model, "abc", ["x"]) == pytest.approx([-6 / 4])  # " abc" is four characters


def test_a_passage_that_explains_the_question_is_likelier() -> None:
    explains, does_not = question_likelihoods(ScriptedModel(["-"], score=shared_letters), "ZQ9", ["ZQ9!", "none"])
    assert explains > does_not


def test_a_chinese_question_gets_a_chinese_prompt() -> None:
    seen: list[str] = []
    model = ScriptedModel(["-"], score=lambda prompt, text: seen.append(prompt) or [-1.0] * len(text))
    question_likelihoods(model, "保修期多久？", ["保修期五年。"], language="zh")
    assert "文章：保修期五年。" in seen[0]


def test_a_long_passage_is_cut_at_its_end() -> None:
    seen: list[str] = []
    model = ScriptedModel(["-"], score=lambda prompt, text: seen.append(prompt) or [-1.0] * len(text))
    question_likelihoods(model, "why?", ["ab" * 5_000])
    assert 0.9 * MAX_PASSAGE_TOKENS <= seen[0].count("ab") * 2 <= MAX_PASSAGE_TOKENS  # a character is a token here


def test_braces_in_a_passage_are_text() -> None:
    model = ScriptedModel(["-"], score=shared_letters)
    assert question_likelihoods(model, "x", ["{question} {0} {"])[0] <= 0


def test_a_model_without_probabilities_is_refused_before_any_work() -> None:
    with pytest.raises(CapabilityError, match="cannot rerank"):
        question_likelihoods(ScriptedModel(["-"]), "why?", PASSAGES)


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        question_likelihoods(ScriptedModel(["-"], score=shared_letters), "  ", PASSAGES)


def test_a_real_model_finds_the_passage_that_answers() -> None:
    with LocalModel(real_model("smollm2-135m")) as model:
        scores = question_likelihoods(model, "How long is the pump under warranty?", PASSAGES)
    assert max(range(3), key=scores.__getitem__) == 0
    assert all(math.isfinite(score) and score < 0 for score in scores)
