"""`ToolFormat`: how one model is shown tools, calls and results; found by asking its template."""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from appkit.llm.tool_formats.own import show_plainly
from appkit.llm.tool_formats.parse import parse_answer
from appkit.llm.tool_formats.syntax import MISTRAL, NATIVE, OWN, CallSyntax
from appkit.messages import Message, ToolCall, ToolSpec
from runtime import Template
from runtime.errors import ChatTemplateError

CALL_ID_CHARS = 9  # letters and digits: Mistral's template takes no other


@dataclass(frozen=True, kw_only=True)
class ToolFormat:
    """`is_native`: the model's own template shows tools and results; else they are shown as text."""

    syntax: CallSyntax
    is_native: bool

    def show(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], raw_text: Callable[[Message], str]
    ) -> tuple[list[Message], list[dict[str, Any]] | None]:
        """Messages and tools as the template is given them.

        Args:
            raw_text: what a message was generated as, "" where that is not known. An answer with calls is shown so
                again where that says the same, and so with the ids it had.
        """
        names = [tool.name for tool in tools]
        said = [self._as_said(message, names, raw_text) for message in messages]
        if not self.is_native:
            return show_plainly(said, tools), None
        if self.syntax == MISTRAL:
            said = [_with_short_ids(message) for message in said]
        return said, [tool.to_template() for tool in tools] or None

    def _as_said(self, message: Message, names: Sequence[str], raw_text: Callable[[Message], str]) -> Message:
        is_plain = not message.tool_calls and not self.syntax.answer_opening
        if message.role != "assistant" or is_plain or self.syntax == MISTRAL:
            return message  # Mistral's history shows the ids of calls, which nobody generates
        calls = tuple(replace(call, id="") for call in message.tool_calls)
        known = {*names, *(call.name for call in calls)}
        raw = raw_text(message)
        is_same = bool(raw) and parse_answer(raw, self.syntax, known) == (message.content, calls)
        return replace(message, content=raw, tool_calls=()) if is_same else message


OWN_FORMAT = ToolFormat(syntax=OWN, is_native=False)


def find_format(template: Template) -> ToolFormat:
    """The format that `template` writes calls in, seen in what it makes of a conversation with one; else ours.

    A template that shows tools but writes calls in a way not known here is given ours: a call that could not be read
    would be worth nothing.
    """
    tool = ToolSpec(
        name="probe_tool",
        description="probe description",
        parameters={
            "type": "object",
            "properties": {"probe": {"type": "integer", "description": "probe"}},
            "required": ["probe"],
        },
    )
    call = ToolCall(name=tool.name, arguments={"probe": 1}, id="0" * CALL_ID_CHARS)
    messages = [
        Message(role="user", content="probe question"),
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="probe result", name=tool.name, tool_call_id=call.id),
    ]
    try:
        shown = template.render([message.to_template() for message in messages], tools=[tool.to_template()])
    except ChatTemplateError:
        return OWN_FORMAT
    if tool.description not in shown or "probe result" not in shown:
        return OWN_FORMAT
    for syntax in NATIVE:
        if syntax.write([call]).removesuffix(syntax.closing).removesuffix("}") in shown:
            return ToolFormat(syntax=syntax, is_native=True)
    return OWN_FORMAT


def with_ids(calls: Sequence[ToolCall], prompt_ids: Collection[int]) -> tuple[ToolCall, ...]:
    """The calls with ids that depend on the prompt they answer: the same again in a replay, others at the next step."""
    seed = hashlib.blake2b(repr(tuple(prompt_ids)).encode()).digest()
    return tuple(replace(call, id=_short_id(seed + bytes([idx]))) for idx, call in enumerate(calls))


def _with_short_ids(message: Message) -> Message:
    calls = tuple(replace(call, id=_shortened(call.id)) for call in message.tool_calls)
    call_id = _shortened(message.tool_call_id) if message.role == "tool" else message.tool_call_id
    return replace(message, tool_calls=calls, tool_call_id=call_id)


def _shortened(call_id: str) -> str:
    is_short = len(call_id) == CALL_ID_CHARS and call_id.isascii() and call_id.isalnum()
    return call_id if is_short else _short_id(call_id.encode("utf-8", "replace"))


def _short_id(seed: bytes) -> str:
    return hashlib.blake2b(seed).hexdigest()[:CALL_ID_CHARS]
