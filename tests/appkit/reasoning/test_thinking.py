"""Reasoning ends in an answer line: the model's own, or one it is made to write."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appkit import CapabilityError, GenerationSettings, Message, ScriptedModel, open_model
from appkit.reasoning import (
    AnswerLine,
    ChainOfThought,
    best_of,
    plan,
    plan_and_solve,
    self_consistency,
    think,
    vote,
)
from appkit.reasoning.voting import is_decided
from tests.helpers.real_models import real_model

HOW = ChainOfThought(prompt="reasoning/math.en", line=AnswerLine.number())


def test_the_models_own_line_is_the_answer() -> None:
    model = ScriptedModel(["2 and 2 make 4.\nAnswer: 4\nAnd so on."])
    found = think(model, "What is 2 + 2?", HOW)
    assert (found.answer, found.key, found.reasoning) == ("4", "4", "2 and 2 make 4.")
    assert len(found.completions) == 1
    assert "What is 2 + 2?" in model.requests[0].prompt[-1].content  # type: ignore[union-attr]


def test_a_missing_line_is_asked_for_after_the_exact_reasoning() -> None:
    model = ScriptedModel(["2 and 2 make 4.", " 4"])
    found = think(model, "What is 2 + 2?", HOW)
    assert found.answer == "4"
    assert found.text == "2 and 2 make 4.\nAnswer: 4"
    assert str(model.requests[1].prompt).endswith("2 and 2 make 4.\nAnswer:")
    assert model.requests[1].constraint is not None


def test_messages_are_sent_as_they_are() -> None:
    question = (Message(role="user", content="Say it, then 'Answer: …'."),)
    model = ScriptedModel(["Hm.\nAnswer: it"])
    assert think(model, question).answer == "it"
    assert model.requests[0].prompt == question


def test_a_vote_takes_the_most_and_of_equals_the_first() -> None:
    found = vote(["b", "A", "a.", None, "B"])
    assert (found.winner, dict(found.counts), found.num_void, found.share) == ("b", {"b": 2, "a": 2}, 1, 0.4)
    assert vote([None]).winner is None


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=9), st.data())
def test_stopping_early_never_changes_the_winner(answers: list[str], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(answers))))
    seen: list[int] = []
    for idx in order:
        seen.append(idx)
        if is_decided(list(Counter(answers[i] for i in seen).values()), len(answers) - len(seen)):
            break
    else:
        return
    early = vote([answers[i] for i in sorted(seen)]).winner
    assert early == vote(answers).winner


def test_samples_vote_and_the_rest_is_cancelled_when_it_is_decided() -> None:
    model = ScriptedModel([f"Hm.\nAnswer: {number}" for number in (4, 4, 5, 4, 4, 4, 4, 4)])
    found = self_consistency(model, "What is 2 + 2?", HOW, n=8)
    assert found.answer == "4"
    assert found.num_asked == 8
    assert len(found.samples) < 8


def test_a_vote_without_chance_is_refused() -> None:
    greedy = ChainOfThought(prompt="reasoning/math.en", settings=GenerationSettings(temperature=0.0))
    with pytest.raises(ValueError, match="temperature"):
        self_consistency(ScriptedModel(["x"]), "?", greedy)
    with pytest.raises(ValueError, match="n is 0"):
        self_consistency(ScriptedModel(["x"]), "?", HOW, n=0)


def test_the_best_of_several_is_what_the_scorer_says() -> None:
    model = ScriptedModel([f"Hm.\nAnswer: {number}" for number in (1, 3, 2)])
    ranked = best_of(model, "?", HOW, n=3, scorer=lambda sample: float(sample.answer or 0))
    assert [sample.answer for sample in ranked.samples] == ["3", "2", "1"]
    assert ranked.best.answer == "3"
    with pytest.raises(CapabilityError, match="scorer="):
        best_of(ScriptedModel(["x"]), "?", HOW)


def test_a_plan_is_tried_again_where_it_cannot_be_read() -> None:
    model = ScriptedModel(['{"steps": []}', '{"steps": ["Count.", "Add."]}'])
    assert plan(model, "What is 2 + 2?") == ("Count.", "Add.")


def test_a_plan_is_shown_to_the_one_who_solves() -> None:
    model = ScriptedModel(["I add.\nAnswer: 4"])
    found = plan_and_solve(model, "What is 2 + 2?", steps=["Add them."])
    assert (found.steps, found.solution.answer) == (("Add them.",), "4")
    shown: Any = model.requests[0].prompt
    assert "Add them." in "".join(message.content for message in shown)


def test_a_real_model_always_answers_and_a_vote_can_be_repeated() -> None:
    how = ChainOfThought(
        prompt="reasoning/math.en", line=AnswerLine.number(), settings=GenerationSettings(max_tokens=40, seed=1)
    )
    with open_model(str(real_model("smollm2-135m"))) as model:
        first = self_consistency(model, "Tom has 3 apples and buys 2. How many?", how, n=4, stops_early=False)
        again = self_consistency(model, "Tom has 3 apples and buys 2. How many?", how, n=4, stops_early=False)
    assert all(sample.key is not None for sample in first.samples)
    assert [sample.text for sample in first.samples] == [sample.text for sample in again.samples]
