"""Tools for a local model: how it is shown them, held to them while it writes, and read."""

import functools
import re
from collections.abc import Sequence

from appkit.llm.local_stream import CallReader
from appkit.llm.prompt_ids import PromptEncoder
from appkit.llm.tool_formats.formats import ToolFormat, find_format
from appkit.llm.tool_formats.grammar import answer_constraint
from appkit.llm.tool_formats.own import without_system
from appkit.llm.tool_formats.schema import arguments_constraint, check_tool_specs
from appkit.messages import Constraint, Message, ToolChoice, ToolSpec
from runtime import Constraint as RuntimeConstraint
from runtime import Template, Tokenizer, compile_constraint
from runtime.errors import ChatTemplateError


class LocalTools:
    """The tool format of one model. It is found when first needed, which takes the template's sandbox a moment."""

    def __init__(self, template: Template, tokenizer: Tokenizer, encoder: PromptEncoder) -> None:
        self._template = template
        self._tokenizer = tokenizer
        self._encoder = encoder

    @functools.cached_property
    def format(self) -> ToolFormat:
        return find_format(self._template)

    def encode(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> tuple[int, ...]:
        """Ids of a conversation with tools, calls or results.

        Raises:
            ValueError: tools that cannot be told apart, named or shown.
            ChatTemplateError: the template refuses the conversation.
        """
        check_tool_specs(tools)
        shown, shown_tools = self.format.show(messages, tools, self._encoder.spoken_text)
        try:
            return self._encoder.encode(shown, tools=shown_tools)
        except ChatTemplateError:
            if self.format.is_native:
                raise
            return self._encoder.encode(without_system(shown))  # our description of tools is a system message

    def constraint(self, tools: Sequence[ToolSpec], choice: ToolChoice, answer: Constraint | None) -> Constraint:
        """What an answer is held to; see `answer_constraint`."""
        return answer_constraint(self.format.syntax, tools, choice, answer, self._split_special)

    def reader(self, tools: Sequence[ToolSpec]) -> CallReader:
        """What finds the calls in an answer."""
        names = [tool.name for tool in tools]
        return CallReader(syntax=self.format.syntax, names=names, tokenizer=self._tokenizer)

    def check_parameters(self, tools: Sequence[ToolSpec]) -> None:
        """Raise ValueError for the first tool whose arguments cannot be held to its parameters."""
        for tool in tools:
            try:
                compile_constraint(to_runtime(arguments_constraint(tool)), self._tokenizer)
            except ValueError as error:
                raise ValueError(
                    f"A call of the tool {tool.name!r} cannot be held to its parameters. {error}"
                ) from error

    @functools.cached_property
    def _control_ids(self) -> dict[str, int]:
        """Control tokens by their spelling."""
        return {self._tokenizer.token_bytes(i).decode(errors="replace"): i for i in self._tokenizer.special_ids}

    def _split_special(self, text: str) -> list[str | int]:
        """`text` in stretches of text and ids of control tokens that are spelled in it."""
        marks = sorted((mark for mark in self._control_ids if mark and mark in text), key=len, reverse=True)
        if not marks:
            return [text] if text else []
        pieces = re.split("(" + "|".join(map(re.escape, marks)) + ")", text)
        return [self._control_ids.get(piece, piece) for piece in pieces if piece]


def to_runtime(constraint: Constraint) -> RuntimeConstraint:
    """The constraint as the runtime has it."""
    parts = tuple((name, to_runtime(part)) for name, part in constraint.parts)
    return RuntimeConstraint(constraint.kind, constraint.source, constraint.after, parts)
