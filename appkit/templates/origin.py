"""Where a prompt came from, which every error about it says, and the one way its files are read."""

from dataclasses import dataclass
from pathlib import Path

from appkit.errors import TemplateError


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A prompt's name, and its file where it has one."""

    name: str
    path: Path | None = None

    def error(self, message: str, line: int | None = None, *, variable: str | None = None) -> TemplateError:
        """A TemplateError that says which prompt, which file and which line, then `message`, a sentence."""
        places = [] if self.path is None else [str(self.path)]
        if line is not None:
            places.append(f"line {line}")
        where = f" ({', '.join(places)})" if places else ""
        return TemplateError(f"Prompt {self.name}{where}: {message}", self.name, variable)


def read_text(origin: Origin, path: Path, max_bytes: int) -> str:
    """The text of a file that belongs to a prompt.

    Raises:
        TemplateError: it is no regular file, cannot be read, is too large, is not UTF-8, or has line ends or a mark
            at its start that would be part of what the model reads.
    """
    if not path.is_file():
        raise origin.error(f"{path} is not a file.")
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise origin.error(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > max_bytes:
        raise origin.error(f"{path} is larger than the {max_bytes:,} bytes that such a file may have.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise origin.error(f"{path} is not UTF-8 text: byte 0x{data[error.start]:02x} at {error.start:,}.") from error
    check_text(origin, text)
    return text


def check_text(origin: Origin, text: str) -> None:
    """Raise TemplateError for characters that an editor put in unseen: a byte order mark, carriage returns."""
    if text.startswith("\ufeff"):
        raise origin.error("it begins with a byte order mark; save it as UTF-8 without one.", 1)
    if "\r" in text:
        line = text.count("\n", 0, text.index("\r")) + 1
        raise origin.error(
            "lines end in a carriage return, which a model would read; save it with Unix line ends.", line
        )
