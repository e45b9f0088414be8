"""Chat with a base model: a dialogue written out with role names, which the model continues.

Base models have read many interviews and plays, so this works to a degree; a `ModelNotice` says what it is.
"""

from collections.abc import Sequence

from appkit.messages import Message

_NAMES = {"user": "User", "assistant": "Assistant", "tool": "Tool"}

ROLE_STOPS = tuple(f"\n{name}:" for name in _NAMES.values())  # where the model begins to speak for someone else


def render_role_names(messages: Sequence[Message]) -> str:
    """Lines `User: …` and `Assistant: …`, a system message as the paragraph it is, and `Assistant:` to go on from."""
    lines = [
        f"{message.content.strip()}\n" if message.role == "system" else f"{_NAMES[message.role]}: {message.content}"
        for message in messages
    ]
    return "\n".join([*lines, "Assistant:"])
