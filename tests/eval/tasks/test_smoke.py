"""The smoke questions: how an answer is judged, and that the shipped model still knows most of them."""

import pytest

from appkit import ScriptedModel, open_model
from eval.tasks.smoke import is_answered, make_task
from tests.helpers.real_models import real_model

MONTHS = ("12", "twelve")


@pytest.mark.parametrize("answer", ["There are 12 months.", "Twelve.", "  It has twelve months in it\n"])
def test_an_accepted_text_in_the_first_sentence_is_right(answer: str) -> None:
    assert is_answered(MONTHS, answer)


@pytest.mark.parametrize("answer", ["", "There are 312 months.", "A month has 31 days. Multiply by 12."])
def test_other_words_and_later_sentences_are_wrong(answer: str) -> None:
    assert not is_answered(MONTHS, answer)


def test_there_are_thirty_questions_with_ids_of_their_own() -> None:
    with make_task({}).open(ScriptedModel(["yes"]), None) as session:
        assert len({sample.doc["id"] for sample in session.samples}) == 30


def test_each_question_is_asked_on_its_own() -> None:
    model = ScriptedModel(["no idea"], repeats=True)
    with make_task({"system": "Be brief."}).open(model, 2) as session:
        answers = [session.ask(sample) for sample in session.samples]
        figures = session.figures(session.samples, answers)
    assert [answer.values["acc"] for answer in answers] == [0.0, 0.0]
    assert (figures["acc"].value, figures["acc"].n) == (0.0, 2)
    assert [len(request.prompt) for request in model.requests] == [2, 2]
    assert model.requests[0].prompt[0].content == "Be brief."


@pytest.mark.slow
def test_the_default_model_answers_as_many_as_the_catalog_says() -> None:
    with open_model(real_model("smollm2-135m")) as model, make_task({}).open(model, None) as session:
        assert sum(session.ask(sample).values["acc"] for sample in session.samples) == 24
