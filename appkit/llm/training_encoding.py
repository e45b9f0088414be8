"""How training data are encoded for a model: as `LocalModel` will show it conversations, those with tools included."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from appkit.llm.tool_formats.formats import ToolFormat, find_format
from appkit.llm.tool_formats.schema import check_tool_specs
from appkit.messages import Message, ToolCall, ToolSpec

if TYPE_CHECKING:
    from runtime import EncodingSettings, ModelText, Template

Shown = Sequence[Mapping[str, Any]]


def training_encoding(model: "ModelText", **options: Any) -> "tuple[Template, EncodingSettings]":
    """`runtime.model_encoding` with tools as text where the model's template knows none.

    Raises:
        What `model_encoding` raises, which takes the same options.
    """
    from runtime import model_encoding

    template, settings = model_encoding(model, **options)
    return template, replace(settings, tool_form=TextToolForm(template))


class TextToolForm:
    """Tools, calls and results as text for a template that knows none; for others as they are.

    Which of the two is found when a conversation first has tools, which takes the template's sandbox a moment.
    """

    def __init__(self, template: "Template") -> None:
        self._template = template

    @functools.cached_property
    def _format(self) -> ToolFormat:
        return find_format(self._template)

    @property
    def is_native(self) -> bool:
        """Whether the template shows them."""
        return self._format.is_native

    def show(self, messages: Shown, tools: Shown) -> tuple[Shown, Shown | None]:
        """What the template is given. Raises ValueError for tools that cannot be told apart, named or shown."""
        if self.is_native:
            return messages, tools or None
        specs = [_tool_spec(tool) for tool in tools]
        check_tool_specs(specs)
        shown, _ = self._format.show([_message(message) for message in messages], specs, lambda message: "")
        return [message.to_template() for message in shown], None


def _tool_spec(tool: Mapping[str, Any]) -> ToolSpec:
    function = tool.get("function", tool)
    description, parameters = function.get("description") or "", function.get("parameters") or {}
    if not isinstance(description, str) or not isinstance(parameters, dict):
        raise ValueError(f"the tool {function['name'][:40]!r} has no text as description, or no object as parameters")
    return ToolSpec(name=function["name"], description=description, parameters=parameters)


def _message(shown: Mapping[str, Any]) -> Message:
    calls = [(call["function"], call.get("id", "")) for call in shown.get("tool_calls", ())]
    return Message(
        role=shown["role"],
        content=shown["content"],
        tool_calls=tuple(
            ToolCall(name=function["name"], arguments=function["arguments"], id=call_id) for function, call_id in calls
        ),
        name=shown.get("name", ""),
        tool_call_id=shown.get("tool_call_id", ""),
    )
