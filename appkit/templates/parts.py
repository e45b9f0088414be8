"""Splits the text of a prompt into messages, before anything is rendered: so no value can begin one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from appkit.messages import Role
from appkit.templates.origin import Origin

Speaker = Literal["system", "user", "assistant", "example.user", "example.assistant"]
SPEAKERS = get_args(Speaker)
MAX_PARTS = 64

_MARKER = re.compile(r"^=== *([\w.]+)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Part:
    """The template of one message, byte for byte, and the line of the file where it begins."""

    speaker: Speaker
    source: str
    line: int

    @property
    def is_example(self) -> bool:
        """Whether it is rendered once for each example."""
        return self.speaker.startswith("example.")

    @property
    def role(self) -> Role:
        """Of the message."""
        return cast(Role, self.speaker.removeprefix("example."))


def split_parts(origin: Origin, body: str, first_line: int) -> tuple[Part, ...]:
    """The parts of a prompt's text; one for the user where no line `=== system|user|assistant` stands in it.

    A part reaches from the line after its marker to the line break before the next one; the last line break of the
    text ends it and is not part of it.

    Raises:
        TemplateError: text stands before the first marker, a marker is none of those known, or the parts that show an
            example are not one pair.
    """
    markers = list(_MARKER.finditer(body))
    if not markers:
        return (Part(speaker="user", source=body.removesuffix("\n"), line=first_line),)
    if before := body[: markers[0].start()].strip():
        raise origin.error(f"{before[:40]!r} stands before the first line '=== …' and belongs to nobody.", first_line)
    if len(markers) > MAX_PARTS:
        raise origin.error(f"it has {len(markers)} messages; at most {MAX_PARTS}.", first_line)
    ends = [marker.start() for marker in markers[1:]] + [len(body)]
    parts = []
    for marker, end in zip(markers, ends, strict=True):
        line = first_line + body.count("\n", 0, marker.start())
        if marker[0] not in (f"=== {speaker}" for speaker in SPEAKERS):
            raise origin.error(
                f"the line {marker[0]!r} begins no message; write '=== ' and one of {', '.join(SPEAKERS)}. Where it is "
                "text, write {{ '===' }} for its first word.",
                line,
            )
        source = body[marker.end() + 1 : end].removesuffix("\n")
        parts.append(Part(speaker=cast(Speaker, marker[1]), source=source, line=line + 1))
    _check_pair(origin, parts)
    return tuple(parts)


def _check_pair(origin: Origin, parts: Sequence[Part]) -> None:
    """Examples are shown by two parts, one after the other, before a message."""
    idxs = [idx for idx, part in enumerate(parts) if part.is_example]
    if not idxs:
        return
    speakers = [part.speaker for part in parts]
    first = idxs[0]
    is_pair = speakers[first : first + 2] == ["example.user", "example.assistant"] and len(idxs) == 2
    if not is_pair or first + 2 == len(parts):
        raise origin.error(
            "examples are shown by one '=== example.user' with one '=== example.assistant' after it, and a message "
            "must follow them.",
            parts[first].line - 1,
        )
