"""Conversations as a person reads them, and as `--json` shows them; the JSON shapes are promised to scripts.

Messages were written by anyone: what a terminal would obey is left out wherever they are shown.
"""

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from appkit.cli.columns import columns, fitted
from appkit.cli.printable import is_colourful, json_text, on_one_line, printable
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.chat import Conversation, SearchHit
    from appkit.messages import Message

_MAX_MODEL_COLUMNS = 20
_MIN_TITLE_COLUMNS = 20


def title_of(conversation: "Conversation") -> str:
    """The title on one line, or what stands for a missing one."""
    return on_one_line(conversation.title) or text("logs_untitled")


def conversation_json(conversation: "Conversation") -> dict[str, Any]:
    """What there is to know about a conversation, its messages aside. Times are UTC."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "model": conversation.model,
        "system": conversation.system,
        "created": conversation.created.isoformat(),
        "updated": conversation.updated.isoformat(),
        "num_messages": conversation.num_messages,
    }


def message_json(message: "Message") -> dict[str, Any]:
    """A message in the OpenAI shape, with the ids it was generated with."""
    ids = {"token_ids": list(message.token_ids)} if message.token_ids else {}
    return {**message.to_template(), **ids}


def hit_json(hit: "SearchHit") -> dict[str, Any]:
    """A message that was found, and where."""
    return {
        "id": hit.conversation.id,
        "title": hit.conversation.title,
        "position": hit.position,
        "role": hit.role,
        "snippet": hit.snippet,
        "score": round(hit.score, 6),
        "is_on_trunk": hit.is_on_trunk,
    }


def print_conversations(conversations: Sequence["Conversation"]) -> None:
    """A table as wide as the terminal, or fields separated by tabs for a program."""
    rows = [
        (found.id, _when(found), str(found.num_messages), on_one_line(found.model), title_of(found))
        for found in conversations
    ]
    if sys.stdout.isatty():
        head = tuple(text(f"logs_head_{name}") for name in ("id", "updated", "messages", "model", "title"))
        lines = _table([head, *rows], shutil.get_terminal_size().columns)
    else:
        lines = ["\t".join(row) for row in rows]
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def print_conversation(conversation: "Conversation", messages: Sequence["Message"]) -> None:
    """Who said what; answers as rendered Markdown where the terminal shows it."""
    about = f"{conversation.id}  {title_of(conversation)}  ({on_one_line(conversation.model)}, {_when(conversation)})"
    parts = [about]
    if conversation.system:
        parts.append(_said(text("logs_role_system"), printable(conversation.system)))
    for message in messages:
        words = _as_markdown(message.content) if is_colourful() else printable(message.content)
        calls = [f"{call.name}({json_text(dict(call.arguments))})" for call in message.tool_calls]
        parts.append(_said(text(f"logs_role_{message.role}"), "\n".join(filter(None, [words.rstrip("\n"), *calls]))))
    sys.stdout.write("\n\n".join(parts) + "\n")


def print_as_markdown(conversation: "Conversation", messages: Sequence["Message"]) -> None:
    """A document with a heading for each message, whose own Markdown stays as it was written."""
    parts = [f"# {title_of(conversation)}"]
    if conversation.system:
        parts.append(f"## {text('logs_role_system')}\n\n{printable(conversation.system)}")
    parts += [f"## {text(f'logs_role_{message.role}')}\n\n{printable(message.content)}" for message in messages]
    sys.stdout.write("\n\n".join(part.rstrip("\n") for part in parts) + "\n")


def print_hits(hits: Sequence["SearchHit"]) -> None:
    """Each message found, under the conversation it is in."""
    for hit in hits:
        sys.stdout.write(f"{hit.conversation.id}  {_when(hit.conversation)}  {title_of(hit.conversation)}\n")
        aside = "" if hit.is_on_trunk else f" ({text('logs_left_behind')})"
        who = f"{text(f'logs_role_{hit.role}')}{aside}"
        sys.stdout.write(f"    {text('logs_said', who=who, words=on_one_line(hit.snippet))}\n")


def _when(conversation: "Conversation") -> str:
    return conversation.updated.astimezone().strftime("%Y-%m-%d %H:%M")


def _table(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Rows with their columns aligned; the last, the title, gets the room that is left."""
    sizes = [max(columns(row[idx]) for row in rows) for idx in range(len(rows[0]))]
    sizes[-2] = min(sizes[-2], _MAX_MODEL_COLUMNS)
    sizes[-1] = max(_MIN_TITLE_COLUMNS, width - sum(sizes[:-1]) - 2 * (len(sizes) - 1))
    return ["  ".join(fitted(cell, size) for cell, size in zip(row, sizes, strict=True)).rstrip() for row in rows]


def _said(who: str, words: str) -> str:
    return f"\x1b[1m{who}\x1b[0m\n{words}" if is_colourful() else text("logs_said", who=who, words=words)


def _as_markdown(words: str) -> str:
    from appkit.cli.live_markdown import rendered
    from appkit.cli.markdown import styled

    return "\n".join(map(styled, rendered(words, shutil.get_terminal_size().columns)))
