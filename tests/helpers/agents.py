"""Scripted agents: what a model says, in either dialect, and tools that count their calls."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from appkit import Message, ScriptedModel, ToolCall, tool
from appkit.agents import Agent
from appkit.tools import Tool

Said = str | Message


def call(name: str, arguments: Mapping[str, Any] | None = None, *more: ToolCall, id: str = "") -> Message:
    """The model calls a tool, in JSON."""
    return Message(
        role="assistant", content="", tool_calls=(ToolCall(name=name, arguments=dict(arguments or {}), id=id), *more)
    )


def react_call(name: str, arguments: Mapping[str, Any] | None = None, thought: str = "I call it.") -> str:
    """The model calls a tool, in ReAct."""
    return f"Thought: {thought}\nAction: {name}\nAction Input: {json.dumps(dict(arguments or {}))}"


def react_answer(text: str, thought: str = "I know.") -> str:
    """The model answers, in ReAct."""
    return f"Thought: {thought}\nFinal Answer: {text}"


class Counted:
    """Tools that record what they were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def tool(
        self, name: str, give: Callable[..., Any] = lambda value: f"got {value}", *, needs_approval: bool = False
    ) -> Tool:
        """A tool with one argument, `value`."""

        def run(value: str = "") -> Any:
            self.calls.append((name, {"value": value}))
            return give(value)

        return tool(run, name=name, needs_approval=needs_approval)


def scripted_agent(said: Sequence[Said], tools: Sequence[Tool] = (), **options: Any) -> Agent:
    """An agent whose model says these things in turn, calls as JSON unless `dialect` says otherwise."""
    return Agent(ScriptedModel(said), tools=tools, **options)
