"""A verdict is one of the choices with probabilities that sum to 1, or says why there is none; it is never NaN."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appkit import CapabilityError, Completion, Constraint, Message, ScriptedModel, Usage
from eval.judge import decide
from tests.eval.judge.judges import always


def scoring(logprobs: Mapping[str, float]) -> ScriptedModel:
    """A model that gives each text a log-probability, and those that are not named none."""
    return ScriptedModel([""], score=lambda _, text: [logprobs.get(text, -math.inf), *[0.0] * (len(text) - 1)])


ASKED = [Message(role="user", content="Which?")]


def test_probabilities_are_those_of_the_choices_alone() -> None:
    verdict = decide(always(A=0.2, B=0.3), ASKED, ["A", "B"])
    assert verdict.choice == "B"
    assert verdict.probabilities == pytest.approx({"A": 0.4, "B": 0.6})
    assert verdict.mass == pytest.approx(0.5)


def test_a_choice_after_a_blank_counts_as_the_choice() -> None:
    given = {"A": math.log(0.1), "B": math.log(0.2), " A": math.log(0.3), " B": math.log(0.1)}
    verdict = decide(scoring(given), ASKED, ["A", "B"])
    assert verdict.probabilities == pytest.approx({"A": 4 / 7, "B": 3 / 7})
    assert verdict.mass == pytest.approx(0.7)


def test_of_equally_likely_choices_the_first_is_taken() -> None:
    assert decide(always(A=0.1, B=0.1), ASKED, ["B", "A"]).choice == "B"


def test_very_unlikely_choices_still_have_an_order() -> None:
    model = scoring({"A": -2000.0, "B": -2001.0})
    verdict = decide(model, ASKED, ["A", "B"])
    assert verdict.choice == "A"
    assert verdict.probabilities["A"] == pytest.approx(1 / (1 + math.exp(-1)))
    assert verdict.mass == 0.0


@pytest.mark.parametrize("probabilities", [{"A": 0.0, "B": 0.0}, {"A": -1.0, "B": 0.5}], ids=["none", "nan"])
def test_log_probabilities_that_tell_nothing_are_a_failure_that_shows_them(probabilities: dict[str, float]) -> None:
    verdict = decide(always(**probabilities), ASKED, ["A", "B"])
    assert verdict.choice is None
    assert "scoring judge gives the choices the log-probabilities {'A': " in verdict.failure


LOGPROBS = st.floats(max_value=0, width=32) | st.sampled_from([math.nan, math.inf, -math.inf])


@given(st.lists(LOGPROBS, min_size=2, max_size=9))
def test_whatever_a_model_gives_a_verdict_is_whole_or_a_failure(logprobs: list[float]) -> None:
    choices = [str(number) for number in range(1, len(logprobs) + 1)]
    by_choice = dict(zip(choices, logprobs, strict=True))
    verdict = decide(scoring(by_choice), ASKED, choices)
    if verdict.choice is None:
        assert verdict.failure
        assert not verdict.probabilities
    else:
        assert math.isclose(sum(verdict.probabilities.values()), 1)
        assert by_choice[verdict.choice] == max(logprobs)


def test_a_model_that_does_not_score_writes_a_choice_at_temperature_0() -> None:
    model = ScriptedModel(["B"])
    verdict = decide(model, ASKED, ["A", "B"])
    assert (verdict.choice, verdict.probabilities, verdict.mass) == ("B", {}, None)
    assert model.requests[0].constraint == Constraint("choice", ("A", "B"))
    assert model.requests[0].settings.temperature == 0


class Heedless(ScriptedModel):
    """Says what it likes, as a server may that does not know constraints."""

    def chat(self, *args: object, **kwargs: object) -> Completion:
        usage = Usage(prompt_tokens=1, cached_tokens=0, completion_tokens=1)
        return Completion(text="I would rather not.", finish_reason="stop", usage=usage)


def test_an_answer_that_is_no_choice_is_a_failure_that_quotes_it() -> None:
    verdict = decide(Heedless(["-"], name="heedless"), ASKED, ["A", "B"])
    assert verdict.choice is None
    assert verdict.failure == "heedless wrote 'I would rather not.', which is none of the choices."


class Unable(ScriptedModel):
    """Knows no constraints, and says so."""

    def chat(self, *args: object, **kwargs: object) -> Completion:
        raise CapabilityError("It offers no constraints: use another.", "unable", "constraint")


def test_a_model_that_can_do_neither_is_refused() -> None:
    with pytest.raises(CapabilityError, match="no constraints"):
        decide(Unable(["-"]), ASKED, ["A", "B"])


def test_a_prompt_too_long_for_the_judge_is_a_failure_that_says_so() -> None:
    verdict = decide(ScriptedModel(["A"], max_seq_len=30), [Message(role="user", content="x" * 40)], ["A", "B"])
    assert verdict.choice is None
    assert "holds 30" in verdict.failure


@pytest.mark.parametrize("choices", [[], ["A"], ["1", "10"], ["A", "A"]])
def test_choices_that_are_none_are_refused(choices: list[str]) -> None:
    with pytest.raises(ValueError, match=r"at least 2|begins"):
        decide(always(A=0.5), ASKED, choices)
