"""`appkit chat -t NAME`: what a prompt does for a conversation.

Its system message becomes the conversation's, and messages before the last one (examples, say) open it. The last one
is the question. Where the values leave one text of it open, every line that is typed fills that text; where they leave
none open, the question is asked at once and what is typed then goes to the model as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from appkit.cli.params import fill_in, find_template, read_params
from appkit.cli.texts import text
from appkit.errors import TemplateError
from appkit.messages import Message

if TYPE_CHECKING:
    from appkit.templates import Prompt


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A prompt with its values in place: `before` are the messages between the system message and the question."""

    system: str | None
    before: tuple[Message, ...]
    question: str


class ChatTemplate:
    """A prompt for a conversation, with some of its values.

    Args:
        system: stands in the place of the prompt's system message.

    Raises:
        TemplateError: there is no such prompt, it misses more than one text, it constrains its answer (a conversation
            cannot), or it does not end with a question.
        ValueError: a value is not `name=value`, or not of its variable's type.
    """

    def __init__(self, prompt: "Prompt", values: dict[str, Any], *, system: str | None = None) -> None:
        self._prompt = prompt
        self._values = values
        self._system = system
        missing = [each.name for each in prompt.variables.values() if each.is_required and each.name not in values]
        self.line_variable = missing[0] if missing else None
        self.opening = self.fill("")
        if prompt.constraint(**self._values_with("")) is not None:
            raise TemplateError(text("chat_template_constrained", prompt=prompt.name), prompt.name)

    @classmethod
    def find(cls, name: str, params: Sequence[str], *, system: str | None = None) -> Self:
        """The prompt of this name with the values that `-p name=value` gave."""
        prompt = find_template(name)
        return cls(prompt, read_params(prompt, params), system=system)

    @property
    def name(self) -> str:
        """The prompt's."""
        return self._prompt.name

    @property
    def takes_lines(self) -> bool:
        """Whether each line fills a place of the prompt."""
        return self.line_variable is not None

    @property
    def options(self) -> dict[str, Any]:
        """How the prompt wants to be answered, as fields of `GenerationSettings`."""
        return dict(self._prompt.options)

    def fill(self, line: str) -> Opening:
        """The prompt with `line` in the place that is open, if one is."""
        messages = list(self._prompt.render(**self._values_with(line)))
        system = messages.pop(0).content if messages and messages[0].role == "system" else None
        if not messages or messages[-1].role != "user":
            raise TemplateError(text("chat_template_no_question", prompt=self.name), self.name)
        *before, question = messages
        return Opening(
            system=system if self._system is None else self._system, before=tuple(before), question=question.content
        )

    def _values_with(self, line: str) -> dict[str, Any]:
        return fill_in(self._prompt, self._values, line) if self.takes_lines else self._values
