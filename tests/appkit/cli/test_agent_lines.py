"""What an agent does, as the lines that a person is shown."""

from collections.abc import Sequence

import pytest

from appkit import Agent, ScriptedModel
from appkit.agents import (
    AgentEvent,
    CallRequested,
    StepStarted,
    SubagentEvent,
    TextDelta,
    ToolFinished,
    ToolStarted,
)
from appkit.cli.agent_lines import MAX_SHOWN, AgentLines, call_text
from appkit.cli.columns import columns
from appkit.cli.markdown import plain
from appkit.messages import ToolCall
from appkit.tools import ToolResult, calculator
from tests.appkit.cli.agent_scripts import answer, call

CALL = ToolCall(name="search", arguments={"query": "depth"}, id="c1")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")


def lines_of(lines: AgentLines, *events: AgentEvent) -> list[str]:
    return [plain(line) for event in events for line in lines.take(event)]


def shown(agent: Agent, task: str, width: int = 80) -> list[str]:
    lines = AgentLines(width)
    with agent.stream(task) as stream:
        return lines_of(lines, *stream)


def scripted(steps: Sequence[str], **options: object) -> Agent:
    return Agent(ScriptedModel(steps), tools=[calculator()], dialect="react", **options)  # type: ignore[arg-type]


def test_a_call_is_shown_once_and_the_answer_not_at_all() -> None:
    agent = scripted([call("calculator", expression="2 * 3"), answer("Six.")])
    assert shown(agent, "Sum") == [
        "Step 1",
        "  Thought: I need it.",
        '  → calculator {"expression": "2 * 3"}',
        "  ← 6",
        "Step 2",
        "  I know it.",
    ]


def test_the_steps_of_a_sub_agent_stand_below_its_call() -> None:
    helper = scripted([call("calculator", expression="2 * 3"), answer("Six.")], name="helper")
    steps = [call("helper", task="2 * 3?"), answer("It is six.")]
    chief = Agent(ScriptedModel(steps), tools=[helper.as_tool()], dialect="react")
    assert shown(chief, "Sum")[2:8] == [
        '  → helper {"task": "2 * 3?"}',
        "    Step 1",
        "      Thought: I need it.",
        '      → calculator {"expression": "2 * 3"}',
        "      ← 6",
        "    Step 2",
    ]


def test_what_is_being_written_may_still_change() -> None:
    lines = AgentLines(80)
    assert lines_of(lines, StepStarted(1), TextDelta("Thought: I "), TextDelta("look\nAction: sea")) == ["Step 1"]
    assert [plain(line) for line in lines.unfinished()] == ["  Thought: I look", "  Action: sea"]
    assert lines_of(lines, CallRequested(CALL)) == ["  Thought: I look", '  → search {"query": "depth"}']
    assert lines_of(lines, ToolStarted(CALL)) == []
    assert [plain(line) for line in lines.unfinished()] == ["  search is at work …"]


def test_a_long_result_is_shortened_and_says_by_how_much() -> None:
    (first, *others) = lines_of(AgentLines(10_000), ToolFinished(CALL, ToolResult(text="x" * (MAX_SHOWN + 1234))))
    assert (first, others) == (f"  ← {'x' * MAX_SHOWN} … (1,234 more characters)", [])


def test_an_error_has_a_mark_of_its_own() -> None:
    assert lines_of(AgentLines(80), ToolFinished(CALL, ToolResult(text="no", is_error=True))) == ["  ✗ no"]


@pytest.mark.parametrize("width", [20, 34, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    events = (TextDelta("水深多少？" * 30), ToolFinished(CALL, ToolResult(text="湖水最深处为 1,642 米。" * 10)))
    inner = (SubagentEvent(CALL, event) for event in events)
    lines = lines_of(AgentLines(width), StepStarted(1), *events)
    assert lines
    assert max(map(columns, lines)) <= width
    assert lines_of(AgentLines(width), *inner)


def test_nothing_a_terminal_would_obey_is_shown() -> None:
    call = ToolCall(name="a\x1b[2J\n", arguments={"b\u202e": "\x9b\x07"}, id="\x1b")
    assert call_text(call) == r'a[2J {"b\u202e": "\u009b\u0007"}'
    events = (TextDelta("\x1b[31m"), CallRequested(call), ToolFinished(call, ToolResult(text="\x1b]0;x\x07")))
    assert all(line.isprintable() for line in lines_of(AgentLines(80), *events))
