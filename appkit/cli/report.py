"""A completion as a person reads it, and as `--json` shows it; the JSON shape is promised to scripts."""

import sys
from collections.abc import Iterable
from typing import Any

from appkit.cli.printable import json_text, printable
from appkit.llm.base import Completion


def completion_json(completion: Completion, *, load_s: float | None = None, conversation: str | None = None) -> str:
    """One line of JSON: text, token_ids, finish_reason, usage, timings (with `load_s` where a model was loaded).

    `conversation` is the id of the one it was kept in, where it was.
    """
    timings: dict[str, float] = {} if load_s is None else {"load_s": round(load_s, 4)}
    timings |= {
        name: round(completion.timings.get(name, 0.0), 4) for name in ("ttft_s", "prefill_tok_s", "decode_tok_s")
    }
    usage = completion.usage
    report: dict[str, Any] = {
        "text": completion.text,
        "token_ids": list(completion.token_ids),
        "finish_reason": completion.finish_reason,
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "cached_tokens": usage.cached_tokens,
            "completion_tokens": usage.completion_tokens,
            "is_estimate": usage.is_estimate,
        },
        "timings": timings,
    }
    if conversation is not None:
        report["conversation"] = conversation
    return json_text(report)


def print_pieces(pieces: Iterable[str]) -> None:
    """Write pieces as they come, and end the line. A program gets every character, a terminal what it can show."""
    made_fit = printable if sys.stdout.isatty() else str
    last = "\n"
    try:
        for last in pieces:
            sys.stdout.write(made_fit(last))
            sys.stdout.flush()
    finally:  # an interrupted answer ends its line too
        if not last.endswith("\n"):
            sys.stdout.write("\n")
            sys.stdout.flush()
