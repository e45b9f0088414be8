"""Notes: what a chat keeps beside its messages, so that the next turn, or the next process, goes on from it.

A note is about the first messages of a conversation. Where those are not the beginning any more, after an `undo` past
them, the note no longer holds and an older one does.
"""

from typing import Protocol

from appkit.chat.store import ConversationStore


class Notes(Protocol):
    """Texts of a kind, each about the first `num_messages` messages."""

    def newest(self, kind: str, num_messages: int) -> tuple[int, str] | None:
        """The note about the most messages, `num_messages` or fewer: how many, and the text."""
        ...

    def put(self, kind: str, text: str, num_messages: int) -> None:
        """Keep a note, in place of one of its kind about as many messages."""
        ...


class NotesInMemory:
    """Notes of a conversation that is in no store."""

    def __init__(self) -> None:
        self._notes: dict[str, dict[int, str]] = {}

    def newest(self, kind: str, num_messages: int) -> tuple[int, str] | None:
        """See `Notes.newest`."""
        known = self._notes.get(kind, {})
        place = max((place for place in known if place <= num_messages), default=None)
        return None if place is None else (place, known[place])

    def put(self, kind: str, text: str, num_messages: int) -> None:
        """See `Notes.put`."""
        self._notes.setdefault(kind, {})[num_messages] = text

    def cut(self, num_messages: int) -> "NotesInMemory":
        """Those about no more than so many messages: what holds once others follow."""
        kept = NotesInMemory()
        kept._notes = {
            kind: {place: text for place, text in known.items() if place <= num_messages}
            for kind, known in self._notes.items()
        }
        return kept


class NotesInStore:
    """Notes of a stored conversation."""

    def __init__(self, store: ConversationStore, conversation_id: str) -> None:
        self._store = store
        self._conversation_id = conversation_id

    def newest(self, kind: str, num_messages: int) -> tuple[int, str] | None:
        """See `Notes.newest`."""
        return self._store.note(self._conversation_id, kind, num_messages=num_messages)

    def put(self, kind: str, text: str, num_messages: int) -> None:
        """See `Notes.put`."""
        self._store.put_note(self._conversation_id, kind, text, num_messages=num_messages)
