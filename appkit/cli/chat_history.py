"""The lines a person typed into chats, kept so that the arrow keys find them again.

`data_dir()/chat_history` holds one JSON text a line, oldest first, readable by its owner alone. It is a convenience:
where it cannot be read or written, that is said once and the chat goes on without.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit.history import History

from appkit.cli.texts import text
from runtime.files import data_dir, write_atomic

MAX_ENTRIES = 1_000
MAX_ENTRY_CHARACTERS = 4_000  # what is longer was pasted
_MAX_READ_BYTES = 1 << 22


class ChatHistory(History):
    """Entries of earlier chats, read when it is made, and of this one.

    Args:
        path: the file.
        keeps: whether what is typed now is written to it.
    """

    def __init__(self, path: Path, *, keeps: bool = True) -> None:
        super().__init__()
        self._path = path
        self._keeps = keeps
        self._is_broken = False
        self._earlier = self._load()

    def load_history_strings(self) -> Iterable[str]:
        """What was there when this was made, newest first."""
        return reversed(self._earlier)

    def store_string(self, string: str) -> None:
        """Add an entry at the end: one write, so that two chats do not mix theirs."""
        if not self._keeps or self._is_broken or len(string) > MAX_ENTRY_CHARACTERS:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, _line(string))
            finally:
                os.close(file)
        except OSError as error:
            self._give_up(error)

    def _load(self) -> list[str]:
        try:
            entries = self._read()
            if len(entries) > MAX_ENTRIES:
                entries = entries[-MAX_ENTRIES // 2 :]  # halved, so that not every chat writes the file anew
                if self._keeps:
                    self._rewrite(entries)
        except OSError as error:
            self._give_up(error)
            return []
        return entries

    def _read(self) -> list[str]:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - _MAX_READ_BYTES))
                lines = file.read(_MAX_READ_BYTES).split(b"\n")
        except FileNotFoundError:
            return []
        return [entry for line in lines if (entry := _entry(line))]

    def _rewrite(self, entries: Iterable[str]) -> None:
        with write_atomic(self._path) as file:
            os.fchmod(file.fileno(), 0o600)
            file.writelines(map(_line, entries))

    def _give_up(self, error: OSError) -> None:
        if not self._is_broken:
            sys.stderr.write(text("chat_no_history", path=self._path, reason=error.strerror) + "\n")
        self._is_broken = True


def open_chat_history(*, keeps: bool) -> ChatHistory:
    """The history of this user's chats."""
    return ChatHistory(data_dir() / "chat_history", keeps=keeps)


def _line(entry: str) -> bytes:
    return json.dumps(entry).encode() + b"\n"


def _entry(line: bytes) -> str | None:
    """A line's text; None for what is no entry, as after a write that was cut short."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, str) and len(entry) <= MAX_ENTRY_CHARACTERS else None
