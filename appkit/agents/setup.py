"""What an agent is, made ready for a run: its dialect for a model and a language, the size of its steps."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from appkit.agents.dialect import Dialect
from appkit.agents.limits import Limits
from appkit.agents.native import ToolsDialect
from appkit.agents.react import ReactDialect
from appkit.agents.react_words import WORDS
from appkit.agents.state import DialectName
from appkit.agents.worked_steps import worked_steps
from appkit.errors import CapabilityError
from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.messages import Constraint, Message
from appkit.tools import Tool

if TYPE_CHECKING:
    from appkit.structured import OutputType

DialectChoice = Literal["auto", "tools", "react"]
STEP_TOKENS = 512  # that a step may write, where the settings do not say
STEP_SHARE = 0.25  # of the model's context: a step never writes more
# A thought may take this share of its step, the rest is for its call or its answer; in characters a token, by language.
THOUGHT_SHARE = 0.25
TOKEN_CHARS = {"en": 4, "zh": 1}
MAX_THOUGHT_CHARS = {"en": 160, "zh": 80}  # counted by the mask, which longer counts would slow down


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an agent is made of; see `Agent` for what each means. `output` is None for plain text."""

    name: str
    tools: tuple[Tool, ...]
    instructions: str
    output: "OutputType[Any] | None"
    dialect: DialectChoice
    limits: Limits
    settings: GenerationSettings
    examples: tuple[Mapping[str, Any], ...]

    def tool(self, name: str) -> Tool | None:
        """The tool called `name`."""
        return next((tool for tool in self.tools if tool.name == name), None)

    def digests(self) -> dict[str, str]:
        """What a state keeps of the tools: a digest of each one's schema."""
        return {tool.name: digest_of(tool) for tool in self.tools}

    def step_tokens(self, model: LanguageModel) -> int:
        """That a step may write: as the settings say, but never more than its share of the context."""
        return max(1, min(self.settings.max_tokens or STEP_TOKENS, int(STEP_SHARE * model.max_seq_len)))

    def choose_dialect(self, model: LanguageModel) -> DialectName:
        """The dialect to use. Raises CapabilityError where the model does not have it."""
        if self.dialect == "tools" and "tools" not in model.capabilities:
            raise CapabilityError(
                f'{model.name} does not call tools: use dialect="react", which any chat model can.', model.name, "tools"
            )
        if self.dialect != "auto":
            return self.dialect
        return "tools" if model.has_own_tool_format else "react"

    def build_dialect(self, name: DialectName, model: LanguageModel, task: str, language: str) -> Dialect:
        """The dialect `name` for a run of `task`, which is in `language`, "en" or "zh"."""
        is_masked = "constraint" in model.capabilities
        specs = tuple(tool.spec for tool in self.tools)
        if name == "tools":
            return ToolsDialect(
                language=language,
                tools=specs,
                instructions=self.instructions,
                answer_form=self._answer_form(task, is_held=is_masked),
                answer=self._answer_constraint if is_masked else None,
                is_masked=is_masked,
            )
        return ReactDialect(
            words=WORDS[language],
            tools=specs,
            instructions=self.instructions,
            answer_form=self._answer_form(task, is_held=is_masked),
            answer=self._answer_constraint,
            examples=self.examples
            or worked_steps(self.tools, WORDS[language], has_answers=self._answer_constraint is None),
            is_masked=is_masked,
            thought_chars=self._thought_chars(model, language),
        )

    def _thought_chars(self, model: LanguageModel, language: str) -> int:
        share = int(THOUGHT_SHARE * self.step_tokens(model) * TOKEN_CHARS[language])
        return max(1, min(MAX_THOUGHT_CHARS[language], share))

    @property
    def _answer_constraint(self) -> Constraint | None:
        return None if self.output is None else self.output.constraint

    def _answer_form(self, task: str, *, is_held: bool) -> str:
        """What the model is told, in the language of the task, about the form of its answer; "" where any will do."""
        if self.output is None or self.output.constraint is None:
            return ""
        from appkit.structured.asking import with_form

        return with_form([Message(role="assistant", content=task)], self.output, is_held=is_held)[-1].content


def digest_of(tool: Tool) -> str:
    """The same for tools that take the same arguments."""
    shown = json.dumps(tool.spec.parameters, sort_keys=True, default=str)
    return hashlib.blake2b(shown.encode("utf-8", "replace"), digest_size=16).hexdigest()
