"""`Example`: one demonstration, what was asked and what the right answer was, and how it is shown to a model."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from appkit.context.items import Item
from appkit.messages import Message


@dataclass(frozen=True, kw_only=True)
class Example:
    """One demonstration.

    `fields` are the inputs by name, texts or other JSON values; `label` is the answer, a text always, so that it can be
    shown, compared and counted; `id` tells it from every other example of its store.
    """

    id: str
    fields: Mapping[str, Any]
    label: str

    @property
    def text(self) -> str:
        """What is compared with a question: the fields, a line each."""
        return join_fields(self.fields, self.fields)


def join_fields(fields: Mapping[str, Any], names: Iterable[str]) -> str:
    """The values of the fields `names`, a line each; what is not a text is written as JSON."""
    return "\n".join(as_text(fields[name]) for name in names)


def as_text(value: Any) -> str:
    """A text as it is; another JSON value as compact JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def content_id(fields: Mapping[str, Any], label: str) -> str:
    """16 hexadecimal digits made from the content: the same example has the same id in every file and process."""
    content = json.dumps([dict(fields), label], ensure_ascii=False, sort_keys=True, allow_nan=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def as_turn(example: Example) -> Item:
    """The example as a turn of a conversation: its text from the user, its label from the assistant."""
    question = Message(role="user", content=example.text)
    return Item(id=example.id, messages=(question, Message(role="assistant", content=example.label)))
