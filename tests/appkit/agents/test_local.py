"""Agents over a model that runs here, held to the grammar of their steps."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from appkit import AgentResult, GenerationSettings, LanguageModel, Limits, open_model
from appkit.agents import Agent
from appkit.tools import calculator
from tests.helpers.agents import Counted
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import write_tiny_model

pytestmark = pytest.mark.filterwarnings("ignore::appkit.ModelNotice")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageModel]:
    path = write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf", metadata={"llama.context_length": 8192})
    with open_model(path) as model:
        yield model


def drawn(model: LanguageModel, dialect: Any, seed: int, **options: Any) -> AgentResult:
    settings = GenerationSettings(temperature=1.5, seed=seed, max_tokens=96)
    tools = [Counted().tool("note"), calculator()]
    agent = Agent(model, tools=tools, dialect=dialect, settings=settings, **options)
    return agent.run("go", state=None)


@pytest.mark.parametrize("dialect", ["tools", "react"])
def test_a_seed_gives_the_same_run_again(tiny: LanguageModel, dialect: Any) -> None:
    first, again, other = (drawn(tiny, dialect, seed, limits=Limits(steps=3)) for seed in (3, 3, 4))
    assert [step.token_ids for step in first.steps] == [step.token_ids for step in again.steps]
    assert first.steps[0].token_ids != other.steps[0].token_ids


def test_a_step_goes_on_from_the_very_ids_of_the_last(tiny: LanguageModel) -> None:
    result = next(found for seed in range(50) if len((found := drawn(tiny, "react", seed)).steps) > 1)
    first, second = result.steps[:2]
    said = (*first.prompt_ids, *first.token_ids)
    assert second.prompt_ids[: len(said) - 1] == said[:-1]  # what ends a step may stand there in another way
    assert second.usage.cached_tokens >= len(first.prompt_ids)


@pytest.mark.parametrize("dialect", ["tools", "react"])
def test_an_answer_is_never_blank(tiny: LanguageModel, dialect: Any) -> None:
    blanks = dict.fromkeys((220, 198, 9, 10, 32, 257), 20.0)  # a byte vocabulary's, and those near them
    settings = GenerationSettings(temperature=1.0, seed=1, max_tokens=48, logit_bias=blanks)
    result = Agent(tiny, dialect=dialect, settings=settings).run("go")
    assert result.text.strip()
    assert result.state is not None
    assert [message for message in result.state.messages if message.name] == []


def test_a_deadline_ends_what_is_being_written(tiny: LanguageModel) -> None:
    settings = GenerationSettings(temperature=1.5, seed=1, max_tokens=2000, logit_bias={10: -100})
    agent = Agent(tiny, settings=settings, dialect="tools", limits=Limits(seconds=0.5))
    started = time.monotonic()
    result = agent.run("go")
    assert time.monotonic() - started < 3
    assert result.stopped_because in ("seconds", "answered", "tokens")


WORKED = [
    ("A shelf has 6 boards with 15 books each. How many books does it hold?", "6 * 15", "90"),
    ("Two farmers have 348 and 291 sheep. How many sheep have they together?", "348 + 291", "639"),
    ("A cook has 500 eggs and breaks 135 of them. How many eggs are left?", "500 - 135", "365"),
]


def worked_steps() -> Iterator[dict[str, str]]:
    for question, expression, result in WORKED:
        arguments = json.dumps({"expression": expression})
        yield {
            "question": question,
            "answer": f"Thought: I use the calculator.\nAction: calculator\nAction Input: {arguments}",
        }
        yield {"observation": result, "answer": f"Thought: The calculator says {result}.\nFinal Answer: {result}"}


def test_a_small_model_that_is_shown_how_uses_a_tool_and_answers_from_its_result() -> None:
    with open_model(str(real_model("smollm2-135m"))) as model:
        settings = GenerationSettings(temperature=0, max_tokens=96)
        agent = Agent(
            model, tools=[calculator()], dialect="react", settings=settings, examples=[*worked_steps()], output=int
        )
        result = agent.run("A theatre has 28 rows of 34 seats. How many seats does it have?")
    assert result.steps[0].results[0].text == "952"
    assert (result.stopped_because, result.output) == ("answered", 952)


def test_a_model_whose_template_knows_no_tools_is_asked_in_text(tiny: LanguageModel) -> None:
    settings = GenerationSettings(max_tokens=64, seed=1)
    result = Agent(tiny, tools=[calculator()], settings=settings, limits=Limits(steps=1)).run("go")
    assert result.state is not None
    assert result.state.dialect == "react"
