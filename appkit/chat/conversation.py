"""What a store tells about its conversations: plain frozen data."""

from dataclasses import dataclass
from datetime import datetime

from appkit.messages import Role


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One conversation as it was when it was looked up.

    `system` is None where the conversation leaves the system message to its model. `head` identifies the last message
    in this store, 0 before the first: give it to `append` to notice that another process has gone on meanwhile.
    """

    id: str
    title: str
    model: str
    system: str | None
    created: datetime  # UTC
    updated: datetime  # UTC
    num_messages: int
    head: int


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A line of messages that a conversation was taken off: by undoing, by asking anew, by going back."""

    head: int
    num_messages: int
    left: datetime  # UTC
    last_message: str  # the beginning of it


@dataclass(frozen=True, kw_only=True)
class SearchHit:
    """A message that was found.

    `position` counts the conversation's messages from 0. `is_on_trunk` is False where only a branch left behind holds
    the message. `snippet` is the part of it where the words are. A higher `score` is better.
    """

    conversation: Conversation
    position: int
    role: Role
    snippet: str
    score: float
    is_on_trunk: bool
