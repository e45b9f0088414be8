"""Conversations."""

from appkit.chat.chat import Chat, ChatStats, ChatStream

__all__ = ["Chat", "ChatStats", "ChatStream"]
