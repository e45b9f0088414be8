"""Conversations: with a model, on disk, and what of them a model is shown."""

from appkit.chat.chat import Chat, ChatStats
from appkit.chat.conversation import Branch, Conversation, SearchHit
from appkit.chat.store import ConversationNotice, ConversationStore
from appkit.chat.stream import ChatStream

__all__ = [
    "Branch",
    "Chat",
    "ChatStats",
    "ChatStream",
    "Conversation",
    "ConversationNotice",
    "ConversationStore",
    "SearchHit",
]
