"""The token map says where every token goes, as a table and as plain data."""

import json

import pytest

from appkit import ContextOverflowError, GenerationSettings, LocalModel, Message, ScriptedModel, ToolSpec
from appkit.cli.main import sentence_of
from appkit.context import CompiledContext, Item, Section, compile_context, turns
from tests.helpers.real_models import real_model

TOOL = ToolSpec(name="look_up", description="Finds a word.")
PASSAGES = tuple(Item(id=f"passage {number}", text="x" * 100) for number in range(1, 10))


def compiled(budget: int = 500) -> CompiledContext:
    sections = [
        Section(name="system", items=(Item(id="system", messages=(Message(role="system", content="Be brief."),)),)),
        Section(name="passages", items=PASSAGES, overflow="drop_last", max_tokens=250),
        Section(name="question", items=(Item(id="question", text="Why?"),)),
    ]
    return compile_context(sections, ScriptedModel(["x"]), answer_tokens=50, budget=budget, tools=[TOOL])


def test_the_table_says_where_every_token_goes() -> None:
    assert compiled().explain().splitlines() == [
        "system          19  1 kept",
        "passages       200  2 kept, max 250, 7 dropped: passage 3 (100), passage 4 (100), passage 5 (100), "
        "passage 6 (100), passage 7 (100) and 2 more",
        "question         4  1 kept",
        "tools           31",
        "template        21",
        "prompt         275",
        "answer          50  kept free",
        "unused         175",
        "budget         500",
    ]


def test_plain_data_names_every_item() -> None:
    report = json.loads(json.dumps(compiled().to_json()))
    assert report["prompt_tokens"] + report["answer_tokens"] + report["unused_tokens"] == report["budget"] == 500
    passages = report["sections"][1]
    assert passages["dropped"] == [{"id": f"passage {number}", "tokens": 100} for number in range(3, 10)]


def test_an_error_is_readable_on_one_line_too() -> None:
    with pytest.raises(ContextOverflowError) as raised:
        compile_context(
            [Section(name="passages", items=PASSAGES), Section(name="question", items=(Item(id="q", text="Why?"),))],
            ScriptedModel(["x"]),
            answer_tokens=50,
            budget=500,
        )
    sentence = sentence_of(raised.value)
    assert sentence is not None
    assert "What stays: passages: 900 tokens, 9 kept. question: 4 tokens, 1 kept. template and all else: " in sentence
    assert "To make it fit, shorten passages, keep less free for the answer, or use a model with" in sentence


def test_the_first_kept_item_is_told_for_next_time() -> None:
    assert compiled().first_kept("passages") == "passage 1"
    with pytest.raises(KeyError):
        compiled().first_kept("history")


def test_the_cache_plan_is_what_the_next_request_finds() -> None:
    context = compiled()
    model = ScriptedModel(["x", "y"])
    assert context.cached_tokens(model) == 0
    model.chat(context.messages, tools=[TOOL])
    assert context.cached_tokens(model) == context.num_tokens
    assert "of it new" in context.explain(model)
    assert "of it new" not in context.explain()


def test_on_a_real_model_the_cache_plan_is_what_the_next_request_finds() -> None:
    ask = [Section(name="question", items=(Item(id="question", text="Why is the sky blue, and not red? " * 9),))]
    with LocalModel(real_model("smollm2-135m")) as model:
        first = compile_context(ask, model, answer_tokens=8)
        assert first.cached_tokens(model) == 0
        answer = model.chat(first.messages, GenerationSettings(max_tokens=8, temperature=0)).text
        history = turns([*first.messages, Message(role="assistant", content=answer)])
        second = compile_context([Section(name="history", items=history), *ask], model, answer_tokens=8)
        promised = second.cached_tokens(model)
        assert second.cached_tokens(model) == promised  # asking changes nothing
        found = model.chat(second.messages, GenerationSettings(max_tokens=1)).usage.cached_tokens
    assert promised == found >= first.num_tokens // 16 * 16 > 0


def test_a_model_that_knows_no_cache_has_no_plan() -> None:
    class Uncached(ScriptedModel):
        cached_tokens = None  # type: ignore[assignment]

    assert compiled().cached_tokens(Uncached(["x"])) is None
