"""What is done with a selection: values for a prompt, a section for a context, a trace to keep."""

import json

import pytest

from appkit.context import Item, Section, compile_context
from appkit.fewshot import Example, ExampleStore, FitTokens, Fixed, Semantic
from appkit.llm.scripted import ScriptedModel
from appkit.templates import Prompt, list_prompts
from tests.appkit.fewshot.examples import make_store
from tests.helpers.tiny_embedder import TinyEmbedder

SOURCE = """---
purpose: Which team answers a request.
version: 1
variables:
  text: {type: str}
---
=== example.user
{{ text }}
=== example.assistant
{{ answer }}
=== user
{{ text }}
"""


def test_values_are_what_a_prompt_renders_as_its_examples() -> None:
    selection = Fixed(("leak", "title")).select("", make_store())
    messages = Prompt.from_text(SOURCE, name="team").render(examples=selection.values(), text="{{ 热泵 }}")
    assert [(message.role, message.content) for message in messages] == [
        ("user", "The pump leaks"),
        ("assistant", "service"),
        ("user", "发票抬头写错了"),
        ("assistant", "billing"),
        ("user", "{{ 热泵 }}"),
    ]


def test_values_refuse_a_label_that_would_hide_a_field() -> None:
    examples = [Example(id="a", fields={"answer": "x"}, label="y")]
    assert Fixed(("a",)).select("", examples).values("label") == [{"answer": "x", "label": "y"}]
    with pytest.raises(ValueError, match="has a field 'answer' already"):
        Fixed(("a",)).select("", examples).values()


def test_a_section_goes_into_a_context_and_gives_way_from_its_front() -> None:
    model = ScriptedModel(["-"])
    selection = Fixed(("pump", "leak")).select("", make_store())
    question = Section(name="question", items=(Item(id="question", text="And this?"),))
    whole = compile_context([selection.section(), question], model, answer_tokens=10)
    assert [message.content for message in whole.messages] == [
        "The pump hums loudly", "service", "The pump leaks", "service", "And this?"
    ]  # fmt: skip
    less = compile_context([selection.section(), question], model, answer_tokens=10, budget=whole.num_tokens + 9)
    assert [message.content for message in less.messages] == ["The pump leaks", "service", "And this?"]


def test_the_trace_is_plain_json_with_models_by_their_names() -> None:
    chain = Semantic(TinyEmbedder(), 4).then(FitTokens(ScriptedModel(["-"]), 90))
    trace = json.loads(json.dumps(chain.select("The pump", make_store()).trace()))
    first, second = trace["steps"]
    assert first["parameters"] == {"embedder": "tiny", "limit": 4}
    assert len(first["ids"]) == len(first["scores"]) == 4
    assert second["parameters"] == {"model": "scripted", "max_tokens": 90, "as_item": "as_turn"}
    assert trace["ids"] == second["ids"][::-1]
    assert set(second["left_out"]) == set(first["ids"]) - set(second["ids"])


def test_the_examples_of_a_shipped_prompt_make_a_store_and_go_back_as_they_were() -> None:
    shipped = [file.load() for file in list_prompts()]
    prompts = [prompt for prompt in shipped if len({frozenset(row) for row in prompt.examples}) == 1]
    assert len(prompts) > 20  # all that have examples, but for steps of agents, which are of several kinds
    for prompt in prompts:
        store = ExampleStore.from_rows(prompt.examples)
        values = {**prompt.tests[0].variables, **store[0].fields}  # what only the question has, from a case
        every_one = Fixed([example.id for example in store]).select("", store)
        assert prompt.render(examples=every_one.values(), **values) == prompt.render(**values), prompt.name
        assert Semantic(TinyEmbedder(), 1).select(values, store).examples == (store[0],), prompt.name
