"""Listing and reading the files below a folder, as tools."""

import os
import stat
from pathlib import Path
from typing import Annotated

from appkit.errors import ToolError
from appkit.retrieval.loaders.encoding import decode
from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.tools.base import Tool, tool
from appkit.tools.confined import ConfinedFolder
from appkit.tools.context import ToolContext
from appkit.tools.observation import bounded, harmless

MAX_ENTRIES = 500  # that are shown of a folder
MAX_FOUND = 10_000  # that are looked at
MAX_FILE_BYTES = 8 * 1024 * 1024
MAX_SHOWN_BYTES = 32 * 1024  # of a file, in one call
_READ_BYTES = 1 << 16


def list_files(root: str | Path, *, name: str = "list_files", hidden: bool = False, hard_links: bool = False) -> Tool:
    """A tool that lists what is in `root` and the folders below it, one folder a call.

    Args:
        name: of the tool; two folders need two names.
        hidden: whether names with a leading dot are shown.
        hard_links: as for `read_file`; a file that is not read there is not listed.

    Raises:
        ValueError: `root` is no folder.
    """
    confined = ConfinedFolder(path=Path(root), hidden=hidden, hard_links=hard_links)

    def list_files(context: ToolContext, folder: str = "") -> str:
        """List the files in a folder with their sizes. A name that ends in / is a folder, which can be listed too.

        Args:
            folder: path of the folder, such as notes/2024; leave it out to start.
        """
        with confined.open_folder(folder) as descriptor:
            entries, is_cut = _entries(descriptor, confined, context)
        prefix = "".join(f"{part}/" for part in confined.names(folder))
        if not entries:
            return f"{prefix or 'The folder'} is empty."
        lines = [f"{harmless(prefix)}{line}" for line in entries[:MAX_ENTRIES]]
        if is_cut or len(entries) > MAX_ENTRIES:
            found = f"more than {MAX_FOUND:,}" if is_cut else f"{len(entries):,}"
            lines.append(f"[Cut here: {len(lines):,} of {found} are shown.]")
        return "\n".join(lines)

    return tool(list_files, name=name)


def read_file(root: str | Path, *, name: str = "read_file", hidden: bool = False, hard_links: bool = False) -> Tool:
    """A tool that reads text files below `root`, some hundred lines a call.

    Args:
        name: of the tool; two folders need two names.
        hidden: whether names with a leading dot can be read.
        hard_links: whether files with a second name, which may lie outside, can be read.

    Raises:
        ValueError: `root` is no folder.
    """
    from pydantic import Field

    confined = ConfinedFolder(path=Path(root), hidden=hidden, hard_links=hard_links)

    def read_file(
        context: ToolContext, path: Annotated[str, Field(min_length=1)], first_line: Annotated[int, Field(ge=1)] = 1
    ) -> str:
        """Read a text file. A long one comes in parts; the last line then says how to go on.

        Args:
            path: path of the file, as list_files shows it.
            first_line: number of the line to start with; 1 is the first.
        """
        with confined.open_file(path) as descriptor:
            data = _content(descriptor, path, context)
        try:
            text, _ = decode(data)
        except UnusableContentError as error:
            raise ToolError(f"{path[:100]!r} cannot be read as text. {error.detail}") from error
        return _part(text, path, first_line)

    return tool(read_file, name=name)


def _entries(descriptor: int, confined: ConfinedFolder, context: ToolContext) -> tuple[list[str], bool]:
    """A line for each entry, in order of name, and whether there are more than were looked at."""
    lines: list[str] = []
    with os.scandir(descriptor) as found:
        for count, entry in enumerate(found):
            if count >= MAX_FOUND or context.is_cancelled:
                return sorted(lines), True
            if confined.hidden or not entry.name.startswith("."):
                lines.append(_line(entry, confined))
    return sorted(line for line in lines if line), False


def _line(entry: "os.DirEntry[str]", confined: ConfinedFolder) -> str:
    shown = harmless(os.fsencode(entry.name).decode(errors="replace")).replace("\n", "\N{REPLACEMENT CHARACTER}")
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return ""  # gone by now
    if stat.S_ISDIR(status.st_mode):
        return f"{shown}/"
    if stat.S_ISLNK(status.st_mode):
        return f"{shown} (a symbolic link, not followed)"
    if not stat.S_ISREG(status.st_mode):
        return f"{shown} (no file)"
    if status.st_nlink > 1 and not confined.hard_links:
        return f"{shown} (a hard link, not read)"
    return f"{shown} ({status.st_size:,} bytes)"


def _content(descriptor: int, path: str, context: ToolContext) -> bytes:
    """The bytes of an open file, which may grow while it is read, or not know its size."""
    size = os.fstat(descriptor).st_size
    pieces: list[bytes] = []
    num_bytes = 0
    while size <= MAX_FILE_BYTES and (piece := os.read(descriptor, _READ_BYTES)):
        pieces.append(piece)
        num_bytes += len(piece)
        size = max(size, num_bytes)
        if context.is_cancelled:
            raise ToolError(f"{path[:100]!r} was not read in time.")
    if size > MAX_FILE_BYTES:
        raise ToolError(f"{path[:100]!r} has {size:,} bytes; at most {MAX_FILE_BYTES:,} are read.")
    return b"".join(pieces)


def _part(text: str, path: str, first_line: int) -> str:
    """The lines from `first_line` on, as many as fit."""
    lines = text.splitlines()
    if not lines:
        return f"{path} is empty."
    if first_line > len(lines):
        raise ToolError(f"{path[:100]!r} has {len(lines):,} lines; there is no line {first_line:,}.")
    shown: list[str] = []
    num_bytes = 0
    for line in lines[first_line - 1 :]:
        num_bytes += len(line.encode(errors="replace")) + 1
        if num_bytes > MAX_SHOWN_BYTES:
            break
        shown.append(line)
    if not shown:  # a line alone is longer than all that is shown
        shown = [bounded(lines[first_line - 1], MAX_SHOWN_BYTES)]
    last_line = first_line + len(shown) - 1
    if last_line < len(lines):
        shown.append(
            f"[Lines {first_line:,} to {last_line:,} of {len(lines):,}. Go on with first_line = {last_line + 1}.]"
        )
    return "\n".join(shown)
