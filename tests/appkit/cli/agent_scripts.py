"""What scripted models say in tests of `appkit agent`: ReAct steps, which need nothing but text."""

import json
from pathlib import Path

FUNCTIONS = str(Path(__file__).with_name("agent_functions.py"))


def call(tool: str, thought: str = "I need it.", **arguments: object) -> str:
    """A step that calls a tool."""
    return f"Thought: {thought}\nAction: {tool}\nAction Input: {_json(arguments)}"


def answer(text: str, thought: str = "I know it.") -> str:
    """The step that answers."""
    return f"Thought: {thought}\nFinal Answer: {text}"


def chinese_call(tool: str, **arguments: object) -> str:
    """A step that calls a tool, for a task in Chinese."""
    return f"想法：我写下来。\n动作：{tool}\n动作输入：{_json(arguments)}"


def chinese_answer(text: str) -> str:
    """The step that answers a task in Chinese."""
    return f"想法：好了。\n最终答案：{text}"


def model(*steps: str) -> tuple[str, ...]:
    """The options that name a model which takes these steps, in a circle."""
    return ("-m", "scripted:" + "|".join(steps), "--dialect", "react")


def _json(arguments: object) -> str:
    return json.dumps(arguments, ensure_ascii=False)
