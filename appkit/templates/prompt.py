"""`Prompt`: messages with places for values, what it needs to know about them, and how a model should answer.

Every part of a prompt is a template rendered by itself, in a process that can open no file. A value goes in as it is:
it is never read as template, and cannot begin a message.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from appkit.messages import Constraint, Message
from appkit.templates.cases import PromptCase
from appkit.templates.examples import ANSWER, complete_examples
from appkit.templates.origin import Origin, read_text
from appkit.templates.output import Output
from appkit.templates.partials import gather_partials, inspect
from appkit.templates.parts import Part
from appkit.templates.reading import MAX_BYTES, read_prompt
from appkit.templates.rendering import render_source
from appkit.templates.variables import Variable, complete


@dataclass(frozen=True, kw_only=True, eq=False)
class Prompt:
    """A prompt, read and checked. `options` fit `GenerationSettings(**options)`; `root` holds `partials/`.

    `tested_on` names the model that passes its tests; "" leaves that to whoever runs them.
    """

    name: str
    purpose: str = ""
    version: int = 1
    language: str = ""
    variables: Mapping[str, Variable] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    output: Output = field(default_factory=Output)
    examples: tuple[Mapping[str, Any], ...] = ()
    tests: tuple[PromptCase, ...] = ()
    tested_on: str = ""
    parts: tuple[Part, ...]
    source: str = field(repr=False)
    path: Path | None = None
    root: Path | None = None

    @classmethod
    def from_text(cls, source: str, *, name: str = "text") -> Self:
        """A prompt from the text of a prompt file, or from a bare template: then every name it reads is a variable.

        Raises:
            TemplateError: the text is no prompt; the message says where.
        """
        return cls(**read_prompt(Origin(name=name), source, root=None))

    @classmethod
    def from_file(cls, path: Path | str, *, name: str | None = None, root: Path | None = None) -> Self:
        """The prompt in a file.

        Args:
            name: what errors call it; else the file's name.
            root: the folder that holds `partials/`; else the file's own.

        Raises:
            TemplateError: the file cannot be read, or is no prompt; the message says where.
        """
        path = Path(path)
        origin = Origin(name=name or path.name.removesuffix(".prompt"), path=path)
        return cls(**read_prompt(origin, read_text(origin, path, MAX_BYTES), root=root or path.parent))

    def render(self, /, examples: Sequence[Mapping[str, Any]] | None = None, **values: Any) -> tuple[Message, ...]:
        """The messages, with `values` in their places.

        Args:
            examples: shown in the places for examples, each with values for variables and an `answer`. None shows the
                prompt's own; an empty sequence shows none.

        Raises:
            TemplateError: a variable is missing, unknown or of another type, an example does not fit, or the template
                failed or passed a limit.
        """
        partials = self._partials
        given = complete(self._origin, self.variables, values)
        shown = self._complete_examples(examples)
        messages: list[Message] = []
        for idx, part in enumerate(self.parts):
            if part.speaker == "example.user":
                for example in shown:
                    messages += (
                        self._message(each, {**given, **example}, partials) for each in self.parts[idx : idx + 2]
                    )
            elif not part.is_example:
                messages.append(self._message(part, given, partials))
        return tuple(messages)

    def text(self, /, **values: Any) -> str:
        """The content of a prompt that is one message. Raises TemplateError as `render`, and for more messages."""
        messages = self.render(**values)
        if len(messages) != 1:
            raise self._origin.error(f"it makes {len(messages)} messages, not one text; use render.")
        return messages[0].content

    def constraint(self, /, **values: Any) -> Constraint | None:
        """What the answer must match, None for free text; `values` matter where it is chosen from a variable.

        Raises:
            TemplateError: that variable is missing, of another type, empty or says something twice.
        """
        if not self.output.variable:
            return self.output.constraint(self._origin, {})
        return self.output.constraint(self._origin, complete(self._origin, self.variables, values))

    def check(self) -> None:
        """Read every template without rendering it; the first `render` does so too.

        Raises:
            TemplateError: a template cannot be read, reads what is not declared, or includes what it may not.
        """
        _ = self._partials

    @property
    def _origin(self) -> Origin:
        return Origin(name=self.name, path=self.path)

    @cached_property
    def _partials(self) -> Mapping[str, str]:
        """What the templates include; reading it is also the check of the templates, done once."""
        for part in self.parts:
            known = self.variables.keys() | ({ANSWER} if part.is_example else set())
            for name, line in inspect(self._origin, part.source, part.line).variables.items():
                if name not in known:
                    raise self._origin.error(
                        f"the template reads {name!r}, which is not declared; the variables are: "
                        f"{', '.join(sorted(known)) or 'none'}.",
                        part.line + line - 1,
                        variable=name,
                    )
        sources = {part.source: part.line for part in reversed(self.parts)}
        return MappingProxyType(gather_partials(self._origin, self.root, sources))

    @cached_property
    def _own_examples(self) -> tuple[Mapping[str, Any], ...]:
        return complete_examples(self._origin, self.variables, self.examples)

    def _complete_examples(self, examples: Sequence[Mapping[str, Any]] | None) -> Sequence[Mapping[str, Any]]:
        if examples is None:
            return self._own_examples
        if examples and not any(part.is_example for part in self.parts):
            raise self._origin.error("it has no '=== example.user' and '=== example.assistant' to show examples in.")
        return complete_examples(self._origin, self.variables, examples)

    def _message(self, part: Part, values: Mapping[str, Any], partials: Mapping[str, str]) -> Message:
        return Message(role=part.role, content=render_source(self._origin, part.source, part.line, values, partials))
