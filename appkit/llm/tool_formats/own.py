"""Our format, for templates that know no tools: these stand in the system message, results in the user's messages."""

from collections.abc import Sequence
from dataclasses import replace

from appkit.llm.tool_formats.signature import signature
from appkit.llm.tool_formats.syntax import OWN
from appkit.messages import Message, ToolSpec

_RESULT_START, _RESULT_END = "<tool_response>", "</tool_response>"
_BROKEN_END = "<\\/tool_response>"


def describe_tools(tools: Sequence[ToolSpec]) -> str:
    """What the model is told of `tools` and of how to call them."""
    call = '{"name": "tool name", "arguments": {"argument": value}}'
    return "\n".join(
        [
            "Tools:",
            *map(signature, tools),
            "",
            "First write <tool>yes</tool> if a tool fits the question, <tool>no</tool> if none does. "
            f"With yes, call it: <tool_call>{call}</tool_call>",
        ]
    )


def show_plainly(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> list[Message]:
    """`messages` with tools, calls and results as text that any template can show.

    Results of one step become one message, in the order of their calls.
    """
    shown: list[Message] = []
    was_result = False
    for message in messages:
        if message.role == "tool":
            result = _result_text(message.content)
            if was_result:
                shown[-1] = replace(shown[-1], content=f"{shown[-1].content}\n{result}")
            else:
                shown.append(Message(role="user", content=result))
        elif message.role == "assistant":
            shown.append(replace(message, content=_answer_text(message), tool_calls=()))
        else:
            shown.append(message)
        was_result = message.role == "tool"
    return _with_tools(shown, tools) if tools else shown


def without_system(messages: Sequence[Message]) -> list[Message]:
    """`messages` with the system message as the beginning of the first of the user, for templates that refuse one."""
    first, *others = messages
    idx = next((idx for idx, message in enumerate(others) if message.role == "user"), None)
    if first.role != "system" or idx is None:
        return list(messages)
    content = f"{first.content}\n\n{others[idx].content}"
    return [*others[:idx], replace(others[idx], content=content), *others[idx + 1 :]]


def _answer_text(message: Message) -> str:
    """An earlier answer as it is written in this format, which is how it stands there where its ids are known."""
    if message.tool_calls:
        written = OWN.write(message.tool_calls)
        return f"{message.content}\n{written}" if message.content else written
    is_as_written = message.content.startswith((OWN.mark, OWN.answer_opening))
    return message.content if is_as_written else OWN.answer_opening + message.content


def _with_tools(messages: list[Message], tools: Sequence[ToolSpec]) -> list[Message]:
    described = describe_tools(tools)
    if messages and messages[0].role == "system":
        first = messages[0]
        content = f"{first.content}\n\n{described}" if first.content else described
        return [replace(first, content=content), *messages[1:]]
    return [Message(role="system", content=described), *messages]


def _result_text(content: str) -> str:
    """A result between its tags, which it cannot end itself."""
    return f"{_RESULT_START}\n{content.replace(_RESULT_END, _BROKEN_END)}\n{_RESULT_END}"
