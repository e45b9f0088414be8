"""The text dialect: Thought / Action / Action Input / Observation / Final Answer, for any model that can write.

Source: Yao et al., ReAct, arXiv:2210.03629. Here each step is a message of the assistant and each observation one of
the user, so nothing that a tool returns can begin a line of the model's; and a model that can be held to a grammar is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from appkit.agents.dialect import Ask, Turn
from appkit.agents.react_grammar import answer_constraint, step_constraint
from appkit.agents.react_parser import parse_step
from appkit.agents.react_words import ReactWords
from appkit.agents.state import CORRECTION, DialectName
from appkit.llm.base import Completion
from appkit.messages import Constraint, Message, ToolSpec
from appkit.templates import load_prompt

_UNSAID = ("description", "default")


@dataclass(frozen=True, kw_only=True)
class ReactDialect:
    """ReAct for one run. `is_masked`: the model can be held to the grammar."""

    words: ReactWords
    tools: tuple[ToolSpec, ...]
    instructions: str
    answer_form: str
    answer: Constraint | None
    examples: tuple[Mapping[str, Any], ...]
    is_masked: bool
    thought_chars: int

    @property
    def name(self) -> DialectName:
        return "react"

    @property
    def has_tools(self) -> bool:
        return bool(self.tools)

    @property
    def closing_note(self) -> str:
        return "" if self.is_masked else self.words.closing

    @cached_property
    def _head(self) -> tuple[Message, ...]:
        prompt = load_prompt(f"agent/react.{self.words.language}")
        tools = [
            {"name": tool.name, "about": tool.description, "input": describe_arguments(tool)} for tool in self.tools
        ]
        return prompt.render(
            self.examples,
            tools=tools,
            instructions=self.instructions,
            answer_form=self.answer_form,
            question="…",
        )[:-1]

    def head(self) -> tuple[Message, ...]:
        return self._head

    def show(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        shown: list[Message] = []
        for message in messages:
            if message.role == "assistant":
                shown.append(replace(message, tool_calls=()))
            elif shown and shown[-1].role == "user":  # several results, or a result and what the agent adds
                shown[-1] = replace(shown[-1], content=f"{shown[-1].content}\n{self._content(message)}")
            else:
                shown.append(Message(role="user", content=self._content(message)))
        return tuple(shown)

    def ask(self, *, can_call: bool) -> Ask:
        if not self.is_masked:
            return Ask(stop=self._stop)
        stop = self._stop if self.answer is None else ()  # an answer in text may go on and on; a typed one cannot
        if not can_call:
            return Ask(constraint=answer_constraint(self.words, self.answer), stop=stop)
        return Ask(constraint=self._step_constraint, stop=stop)

    def read(self, completion: Completion, *, can_call: bool) -> Turn:
        turn = parse_step(completion.text, self.words, self.tools)
        return turn if can_call else replace(turn, calls=())

    @property
    def _stop(self) -> tuple[str, ...]:
        """No step goes on with these: it begins with a thought, and only tools observe."""
        return tuple(
            f"\n{label.strip()}" for label in (self.words.observation, self.words.thought, self.words.question)
        )

    @cached_property
    def _step_constraint(self) -> Constraint:
        return step_constraint(self.words, self.tools, self.answer, thought_chars=self.thought_chars)

    def _content(self, message: Message) -> str:
        if message.role == "tool":
            return f"{self.words.observation}\n{quoted(message.content)}"
        return message.content if message.name == CORRECTION else f"{self.words.question}{message.content}"


def quoted(text: str) -> str:
    """`text` between tags that it cannot end itself; as `prompts/partials/text` does."""
    return "<text>\n" + text.replace("</text>", "<\\/text>") + "\n</text>"


def describe_arguments(tool: ToolSpec) -> str:
    """The arguments of a tool as short as they can be said: `{"city": string, "days": integer (optional)}`."""
    properties = tool.parameters.get("properties") or {}
    required = tool.parameters.get("required") or ()
    described = [
        f"{json.dumps(name, ensure_ascii=False)}: {_type(schema)}{'' if name in required else ' (optional)'}"
        for name, schema in properties.items()
    ]
    return "{" + ", ".join(described) + "}"


def _type(schema: Any) -> str:
    """The type of a value; where a word or two do not say it, its schema. The mask holds it to the rest."""
    if not isinstance(schema, Mapping):
        return "any"
    if "enum" in schema:
        return " or ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    about, kind = schema.get("description"), schema.get("type")
    if kind in ("string", "integer", "number", "boolean"):
        said = f"{kind}, {schema['format']}" if "format" in schema else str(kind)
    else:
        said = json.dumps({key: value for key, value in schema.items() if key not in _UNSAID}, ensure_ascii=False)
    return f"{said} ({about})" if about else said
