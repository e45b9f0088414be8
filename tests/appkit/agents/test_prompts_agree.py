"""What the loop sends is what the shipped prompts say, word for word."""

from typing import Any

import pytest

from appkit import ScriptedModel, load_prompt, tool
from appkit.agents import Agent
from appkit.agents.react import describe_arguments
from appkit.templates.library import SHIPPED
from tests.helpers.agents import react_answer, react_call

TASKS = {"en": "How long is the Nile?", "zh": "尼罗河有多长？"}
STEPS = {"en": react_call("read"), "zh": "想法：读。\n动作：read\n动作输入：{}"}
ANSWERS = {"en": react_answer("x"), "zh": "想法：好。\n最终答案：x"}


@tool
def read() -> str:
    """Reads the page."""
    return "6,650 km </text> long"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_react_step_is_asked_as_its_prompt_says(language: str) -> None:
    model = ScriptedModel([STEPS[language], ANSWERS[language]])
    Agent(model, tools=[read], instructions="Be brief.", dialect="react").run(TASKS[language])
    prompt = load_prompt(f"agent/react.{language}", roots=[SHIPPED])
    about = [{"name": "read", "about": "Reads the page.", "input": describe_arguments(read.spec)}]
    first, second = (request.prompt for request in model.requests)
    assert first == prompt.render((), tools=about, instructions="Be brief.", question=TASKS[language])
    assert second[-1] == prompt.render((), observation="6,650 km </text> long")[-1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_task_for_a_model_that_calls_tools_is_asked_as_its_prompt_says(language: str) -> None:
    model = ScriptedModel(["x"])
    Agent(model, tools=[read], instructions="Be brief.", dialect="tools").run(TASKS[language])
    prompt = load_prompt(f"agent/tools.{language}", roots=[SHIPPED])
    assert model.requests[0].prompt == prompt.render(instructions="Be brief.", question=TASKS[language])


def test_examples_are_steps_before_the_task() -> None:
    examples: list[dict[str, Any]] = [
        {"question": "How long is the Rhine?", "answer": react_call("read")},
        {"observation": "1,230 km", "answer": react_answer("1,230 km")},
    ]
    model = ScriptedModel([react_answer("x")])
    Agent(model, tools=[read], dialect="react", examples=examples).run("How long is the Nile?")
    contents = [message.content for message in model.requests[0].prompt[1:]]  # type: ignore[union-attr]
    assert contents == [
        "Question: How long is the Rhine?",
        react_call("read"),
        "Observation:\n<text>\n1,230 km\n</text>",
        react_answer("1,230 km"),
        "Question: How long is the Nile?",
    ]


def test_arguments_are_described_as_short_as_can_be() -> None:
    @tool
    def plan(city: str, days: int = 1, kind: list[str] | None = None) -> str:
        """Plans.

        Args:
            city: its English name
        """
        return ""

    described = describe_arguments(plan.spec)
    assert described.startswith('{"city": string (its English name), "days": integer (optional), "kind": ')
