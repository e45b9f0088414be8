"""The smoke questions: how an answer is judged, and that the shipped model still knows most of them."""

import pytest

from appkit import ScriptedModel, open_model
from eval.tasks.smoke import Question, load_questions, run
from tests.helpers.real_models import real_model

MONTHS = Question("months", "How many months are there in a year?", ("12", "twelve"))


@pytest.mark.parametrize("answer", ["There are 12 months.", "Twelve.", "  It has twelve months in it\n"])
def test_an_accepted_text_in_the_first_sentence_is_right(answer: str) -> None:
    assert MONTHS.is_answered_by(answer)


@pytest.mark.parametrize("answer", ["", "There are 312 months.", "A month has 31 days. Multiply by 12."])
def test_other_words_and_later_sentences_are_wrong(answer: str) -> None:
    assert not MONTHS.is_answered_by(answer)


def test_there_are_thirty_questions_with_ids_of_their_own() -> None:
    assert len({question.id for question in load_questions()}) == 30


def test_each_question_is_asked_on_its_own() -> None:
    outcomes = list(run(ScriptedModel(["12", "no idea"]), [MONTHS, MONTHS]))
    assert [outcome.is_right for outcome in outcomes] == [True, False]


@pytest.mark.slow
def test_the_default_model_answers_as_many_as_the_catalog_says() -> None:
    with open_model(real_model("smollm2-135m")) as model:
        assert sum(outcome.is_right for outcome in run(model, load_questions())) == 24
