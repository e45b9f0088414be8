"""A ReAct step out of what a model wrote: forgiving where the meaning is certain, and never raising.

Held to its grammar, a model writes only what is read here exactly. One that is not, because it is remote, may leave
labels out, wrap arguments in a code fence or write the observation itself, which is cut off: only tools observe.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from appkit.agents.dialect import Turn
from appkit.agents.react_words import ReactWords
from appkit.messages import ToolCall, ToolSpec
from appkit.strict_json import CALL_DECODER

MAX_CHARS = 1 << 18  # longer text is no step


def parse_step(text: str, words: ReactWords, tools: Sequence[ToolSpec]) -> Turn:
    """The thought, and the call or the answer, whichever the model wrote first."""
    if len(text) > MAX_CHARS:
        return Turn(fault=words.form_fault)
    found = _label(text, words.action, words.answer)
    if found is None:
        return Turn(thought=_thought(text, words), fault=words.form_fault)
    thought, rest = _thought(text[: found.start()], words), text[found.end() :]
    if found[1] == words.answer.strip():
        answer = _before(rest, words.observation).strip()
        return Turn(thought=thought, answer=answer, fault="" if answer else words.form_fault)
    return _call(thought, _before(rest, words.observation), words, tools)


def _call(thought: str, rest: str, words: ReactWords, tools: Sequence[ToolSpec]) -> Turn:
    name, _, after = rest.strip().partition("\n")
    name = name.strip().strip("`*\"'.").removesuffix("()")
    found = _label(after, words.action_input)
    typed = after[found.end() :].strip() if found else after.strip()
    spec = next((tool for tool in tools if tool.name == name), None)
    arguments = _arguments(typed, spec)
    if not name or arguments is None:
        return Turn(thought=thought, fault=words.input_fault if name else words.form_fault)
    return Turn(thought=thought, calls=(ToolCall(name=name[:200], arguments=arguments),))


def _arguments(typed: str, spec: ToolSpec | None) -> Mapping[str, Any] | None:
    typed = re.sub(r"^```\w*\s*", "", typed)
    if not typed:
        return {}
    line = typed.partition("\n")[0].strip().strip("`")
    try:
        value, _ = CALL_DECODER.raw_decode(typed)
    except (ValueError, RecursionError):
        value = line
    if isinstance(value, dict):
        return value
    only = _only_parameter(spec)
    if only is None or typed.startswith(("{", "[")):
        return None
    name, kind = only
    return {name: line if kind == "string" and not isinstance(value, str) else value}


def _only_parameter(spec: ToolSpec | None) -> tuple[str, str] | None:
    """Name and type of a tool's parameter, if it has one: what is no object can then only be its value."""
    properties = spec.parameters.get("properties") if spec else None
    if not isinstance(properties, Mapping) or len(properties) != 1:
        return None
    name, schema = next(iter(properties.items()))
    return (name, str(schema.get("type", ""))) if isinstance(schema, Mapping) else None


def _thought(text: str, words: ReactWords) -> str:
    return text.strip().removeprefix(words.thought.strip()).strip()


def _label(text: str, *labels: str) -> re.Match[str] | None:
    """The first of `labels` that begins a line."""
    return re.search(rf"^[ \t*]*({'|'.join(re.escape(label.strip()) for label in labels)})\**", text, re.MULTILINE)


def _before(text: str, label: str) -> str:
    found = _label(text, label)
    return text[: found.start()] if found else text
