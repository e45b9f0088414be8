"""An item's cost is what it adds to the prompt, and is counted once."""

from collections.abc import Sequence

import pytest

from appkit import LocalModel, Message, ScriptedModel, ToolCall, ToolSpec
from appkit.context import Item, item_tokens
from tests.helpers.real_models import real_model

TEXTS = [
    "The pump was repaired on Tuesday.",
    "保修期为两年。",
    "  spaces  ",
    "\n\nlines\n",
    "👩‍💻 {{ x }}",
    "<|im_end|>",
]


class CountingModel(ScriptedModel):
    """A scripted model that remembers how often it was asked to count."""

    num_counts = 0

    def count_tokens(self, prompt: str | Sequence[Message], *, tools: Sequence[ToolSpec] = ()) -> int:
        self.num_counts += 1
        return super().count_tokens(prompt, tools=tools)


class UnhashableModel(ScriptedModel):
    __hash__ = None  # type: ignore[assignment]


def turn(question: str, answer: str) -> Item:
    return Item(id="t", messages=(Message(role="user", content=question), Message(role="assistant", content=answer)))


def test_a_text_costs_its_tokens_and_an_empty_one_nothing() -> None:
    model = ScriptedModel(["x"])
    assert item_tokens(model, Item(id="a", text="four")) == 4
    assert item_tokens(model, Item(id="a")) == 0


def test_a_turn_costs_what_it_adds_to_the_prompt() -> None:
    model = ScriptedModel(["x"])
    assert item_tokens(model, turn("abc", "de")) == len("user: abc\nassistant: de\n")


def test_tool_calls_cost_too() -> None:
    call = ToolCall(name="look_up", arguments={"word": "pump" * 10})
    model = ScriptedModel(["x"])
    message = Message(role="assistant", content="", tool_calls=(call,))
    assert item_tokens(model, Item(id="a", messages=(message,))) > len("pump" * 10)


@pytest.mark.parametrize("text", TEXTS)
def test_on_a_real_model_a_turn_costs_what_it_adds_within_four_tokens(text: str) -> None:
    question = Message(role="user", content="How so?")
    with LocalModel(real_model("smollm2-135m")) as model:
        item = turn(text, text * 3)
        added = model.count_tokens([*item.messages, question]) - model.count_tokens([question])
        assert abs(item_tokens(model, item) - added) <= 4


def test_a_text_is_counted_once() -> None:
    model = CountingModel(["x"])
    first = item_tokens(model, turn("abc", "de"))
    num_counts = model.num_counts
    assert item_tokens(model, turn("abc", "de")) == first
    assert model.num_counts == num_counts


def test_counts_of_one_model_are_not_anothers() -> None:
    class Twice(ScriptedModel):
        def count_tokens(self, prompt: str | Sequence[Message], *, tools: Sequence[ToolSpec] = ()) -> int:
            return 2 * super().count_tokens(prompt, tools=tools)

    item = Item(id="a", text="four")
    assert (item_tokens(ScriptedModel(["x"]), item), item_tokens(Twice(["x"]), item)) == (4, 8)


def test_a_model_that_cannot_be_a_key_is_counted_each_time() -> None:
    assert item_tokens(UnhashableModel(["x"]), turn("abc", "de")) == len("user: abc\nassistant: de\n")
