"""Budgets: never exceeded by the tokens a model really reads, and what was passed over is said."""

from collections.abc import Sequence

import numpy as np
import pytest

from appkit.context import Item
from appkit.errors import ContextOverflowError
from appkit.fewshot import Example, ExampleStore, FitTokens, Random, as_turn
from appkit.llm.base import LanguageModel
from appkit.llm.local import LocalModel
from appkit.llm.scripted import ScriptedModel
from appkit.messages import Message, ToolSpec
from tests.appkit.fewshot.examples import make_store
from tests.helpers.real_models import real_model

MODEL = ScriptedModel(["-"])  # a token a character; a turn is shown as "user: TEXT\nassistant: LABEL\n"
TURN = len("user: \nassistant: \n")


def lines(example: Example) -> Item:
    return Item(id=example.id, text=f"{example.text} = {example.label}\n")


def test_what_fits_is_taken_in_order_and_what_does_not_is_passed_over_and_said() -> None:
    store = make_store([("a", "x" * 10, "l"), ("big", "x" * 50, "l"), ("c", "x" * 20, "l"), ("d", "x" * 20, "l")])
    selection = FitTokens(MODEL, 2 * TURN + 32 + 5).select("", store)
    assert selection.ids == ("a", "c")
    (step,) = selection.steps
    assert set(step.left_out) == {"big", "d"}
    assert step.left_out["big"].endswith(f"where {TURN + 26} of {2 * TURN + 37} were left")


def test_an_example_larger_than_the_whole_budget_is_named_with_both_numbers() -> None:
    store = make_store([("a", "x" * 400, "l"), ("b", "x" * 300, "l")])
    with pytest.raises(
        ContextOverflowError, match=r"None of 2 examples fits: the smallest is 3\d\d tokens .* is 200"
    ) as caught:
        FitTokens(MODEL, 200).select("", store)
    assert (caught.value.num_tokens > 300, caught.value.limit) == (True, 200)


def test_an_example_is_counted_as_it_is_shown() -> None:
    store = make_store([("a", "x" * 10, "l"), ("b", "y" * 10, "l")])
    assert FitTokens(MODEL, 2 * 15, lines).select("", store).ids == ("a", "b")
    assert FitTokens(MODEL, 2 * 15, lines).select("", store).steps[0].tokens == (15, 15)
    assert FitTokens(MODEL, 2 * TURN, as_turn).select("", store).ids == ("a",)


def really_added(model: LanguageModel, examples: tuple[Example, ...]) -> int:
    messages = [message for example in examples for message in as_turn(example).messages]
    question = Message(role="user", content="And this one?")
    return model.count_tokens([*messages, question]) - model.count_tokens([question])


class GrowingModel(ScriptedModel):
    """Its template writes more around each message after the third, so single examples seem smaller than they are."""

    def count_tokens(self, prompt: str | Sequence[Message], *, tools: Sequence[ToolSpec] = ()) -> int:
        more = 0 if isinstance(prompt, str) else 5 * max(0, len(prompt) - 3)
        return super().count_tokens(prompt, tools=tools) + more


def test_the_chosen_ones_are_counted_again_as_a_whole() -> None:
    model = GrowingModel(["-"])
    store = make_store([(name, "x" * 10, "l") for name in "abcd"])
    budget = 4 * (TURN + 11) + 4  # all four by their single sizes; together they cost 30 more
    step = FitTokens(model, budget).select("", store).steps[0]
    assert step.ids == ("a", "b", "c")
    assert really_added(model, store[:3]) <= budget < really_added(model, store[:4])
    assert step.left_out == {
        "d": f"with it there were {really_added(model, store[:4])} tokens, and the budget is {budget}"
    }


WORDS = ["pump", "noise", "热泵", "噪音", "invoice", "发票", "😀", "{{x}}", "<|im_end|>", "naïve\n", "é", "1234"]


def random_store(rng: np.random.Generator) -> ExampleStore:
    texts = [" ".join(rng.choice(WORDS, size=rng.integers(1, 30))) for _ in range(20)]
    return make_store([(f"{row}", text, f"label {row % 3}") for row, text in enumerate(texts)])


@pytest.mark.parametrize("name", ["scripted", "smollm2-135m"])
def test_the_budget_holds_for_what_the_model_reads(name: str, rng: np.random.Generator) -> None:
    model: LanguageModel = MODEL if name == "scripted" else LocalModel(real_model(name))
    for seed in range(25):
        budget = int(rng.integers(400, 900)) if name == "scripted" else int(rng.integers(120, 400))
        selection = Random(20, seed=seed).then(FitTokens(model, budget)).select("", random_store(rng))
        num_tokens = really_added(model, selection.examples)
        step = selection.steps[-1]
        assert num_tokens <= budget
        assert len(step.ids) + len(step.left_out) == 20
        # Filled as well as whole examples can: nothing that was left out would have fitted, to within the estimate.
        assert num_tokens > budget / 2
    if name != "scripted":
        model.close()
