"""Where the items of each section stand in the prompt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from appkit.context.items import Item
from appkit.messages import Message

Layout = Callable[[Mapping[str, tuple[Item, ...]]], Sequence[Message]]
SECTIONS = ("system", "examples", "memory", "history", "passages", "question")


def default_layout(kept: Mapping[str, tuple[Item, ...]]) -> list[Message]:
    """System message, examples, memory, history, question: what changes least comes first, for the KV cache.

    The texts of system, examples, memory and history, and their system messages, make up the one system message, a
    blank line between them: templates take no second one. Their other messages follow in that order. The passages'
    texts stand in front of the question, in its message. Without any such text there is no system message, and a model
    that has a tested one of its own shows that.

    Raises:
        ValueError: a section of another name; give a layout that knows where it goes.
    """
    if unknown := sorted(set(kept) - set(SECTIONS)):
        raise ValueError(f"default_layout has no place for the section {unknown[0]!r}: {', '.join(SECTIONS)}.")
    texts: list[str] = []
    messages: list[Message] = []
    for item in (item for name in SECTIONS[:4] for item in kept.get(name, ())):
        texts += [item.text] if item.text else []
        texts += [message.content for message in item.messages if message.role == "system"]
        messages += [message for message in item.messages if message.role != "system"]
    if texts:
        messages.insert(0, Message(role="system", content="\n\n".join(texts)))
    return [*messages, *_question(kept.get("passages", ()), kept.get("question", ()))]


def _question(passages: Sequence[Item], question: Sequence[Item]) -> list[Message]:
    read = [text for item in passages for text in (item.text, *(m.content for m in item.messages)) if text]
    asked = [Message(role="user", content=item.text) for item in question if item.text]
    asked += [message for item in question for message in item.messages]
    if read and asked and asked[0].role == "user":
        return [replace(asked[0], content="\n\n".join([*read, asked[0].content])), *asked[1:]]
    return [*([Message(role="user", content="\n\n".join(read))] if read else []), *asked]
