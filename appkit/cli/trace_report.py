"""A trace as a person reads it, and as `--json` shows it.

Anyone may have written the file: a member that is missing or of another type is passed over, and what a terminal would
obey is left out.
"""

import shutil
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from appkit.cli.agent_lines import shortened
from appkit.cli.columns import wrapped
from appkit.cli.printable import json_text, on_one_line, printable
from appkit.cli.texts import text
from appkit.trace import Trace

_INDENT = "  "
_SHOWN_NUMBERS = 8  # of a list, as those of token ids are long
_MIN_WIDTH, _PIPED_WIDTH = 16, 1 << 30


def trace_json(trace: Trace) -> dict[str, Any]:
    """The whole trace as plain values."""
    return {
        "about": dict(trace.about),
        "records": [{"kind": record.kind, "time_s": record.time_s, **record.data} for record in trace.records],
        "cut_bytes": trace.cut_bytes,
    }


def print_trace(trace: Trace) -> None:
    """What the trace is about, then every record, each with the seconds since the trace was opened."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED_WIDTH
    for line in _lines(trace):
        indent = line[: len(line) - len(line.lstrip(" "))]
        rows = wrapped(line.removeprefix(indent), max(_MIN_WIDTH, width - len(indent))).split("\n")
        sys.stdout.write("".join(f"{indent}{row}\n" for row in rows))


def _lines(trace: Trace) -> Iterator[str]:
    yield text("trace_begun", created=_said(trace.about.get("created")))
    yield from _members({name: value for name, value in trace.about.items() if name != "created"})
    for record in trace.records:
        yield f"{record.time_s:.2f} s  {record.kind}"
        yield from _members(record.data)
    if trace.is_cut:
        yield text("trace_cut", count=trace.cut_bytes)


def _members(values: Mapping[str, Any]) -> Iterator[str]:
    """A line a member, and one a line of a longer text. Members that hold nothing are passed over."""
    for name, value in values.items():
        if value in (None, "", [], {}):
            continue
        first, *others = _said(value).split("\n")
        yield f"{_INDENT}{on_one_line(name)}: {first}"
        yield from (2 * _INDENT + line.lstrip(" ") for line in others)


def _said(value: Any) -> str:
    if isinstance(value, str):
        return shortened(printable(value).replace("\t", " ").strip())
    if isinstance(value, list) and len(value) > _SHOWN_NUMBERS and all(type(item) is int for item in value):
        return text("trace_numbers", count=len(value), first=", ".join(map(str, value[:_SHOWN_NUMBERS])))
    return shortened(json_text(value))
