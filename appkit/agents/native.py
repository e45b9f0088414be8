"""The dialect of models that call tools: JSON calls in their own format, which `LanguageModel` knows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from appkit.agents.dialect import Ask, Turn
from appkit.agents.state import CORRECTION, DialectName
from appkit.llm.base import Completion
from appkit.messages import Constraint, Message, ToolSpec
from appkit.templates import load_prompt

# Of a model that is held to nothing else: not only what `str.strip` takes away.
NOT_BLANK = Constraint("regex", r"(?s:.*[^\s\x1c-\x1f].*)")
EMPTY = {
    "en": "That was empty. Call a tool, or write the answer.",
    "zh": "没有内容。请调用工具，或者写出答案。",
}


@dataclass(frozen=True, kw_only=True)
class ToolsDialect:
    """Tool calls for one run. `is_masked`: the model can be held to a form; else `answer` is None."""

    language: str
    tools: tuple[ToolSpec, ...]
    instructions: str
    answer_form: str
    answer: Constraint | None
    is_masked: bool

    @property
    def name(self) -> DialectName:
        return "tools"

    @property
    def has_tools(self) -> bool:
        return bool(self.tools)

    @property
    def closing_note(self) -> str:
        return ""

    @cached_property
    def _head(self) -> tuple[Message, ...]:
        prompt = load_prompt(f"agent/tools.{self.language}")
        return prompt.render(instructions=self.instructions, answer_form=self.answer_form, question="…")[:-1]

    def head(self) -> tuple[Message, ...]:
        return self._head

    def show(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        return tuple(replace(message, name="") if message.name == CORRECTION else message for message in messages)

    def ask(self, *, can_call: bool) -> Ask:
        if not self.tools:
            return Ask(constraint=self.answer or (NOT_BLANK if self.is_masked else None))
        return Ask(tools=self.tools, tool_choice="auto" if can_call else "none", constraint=self.answer)

    def read(self, completion: Completion, *, can_call: bool) -> Turn:
        text = completion.text.strip()
        if completion.tool_calls and can_call:
            return Turn(thought=text, calls=completion.tool_calls)
        return Turn(answer=text, fault="" if text else EMPTY[self.language])
