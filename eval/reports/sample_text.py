"""The values of a sample as the texts that a reader sees, each of bounded size; what is left out is counted."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from appkit.errors import EvaluationError

MAX_TEXT_CHARS = 20_000  # of one prompt, answer or field; longer ones show their beginning and end
_HEAD_CHARS, _TAIL_CHARS = 14_000, 6_000
MAX_LABEL_CHARS = 140
_SHORT_JSON_CHARS = 100

# (whole,) or (beginning, number of characters left out, end)
ShownText: TypeAlias = tuple[str] | tuple[str, int, str]

# What a document is known by in a list: the first of these fields that it has, else its first text.
_LABEL_FIELDS = (
    "question",
    "query",
    "prompt",
    "instruction",
    "source",
    "input",
    "text",
    "sentence",
    "title",
    "document",
)


def shown_text(value: Any) -> ShownText:
    """A text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else as_json(value)
    if len(text) <= MAX_TEXT_CHARS:
        return (text,)
    return (text[:_HEAD_CHARS], len(text) - _HEAD_CHARS - _TAIL_CHARS, text[-_TAIL_CHARS:])


def as_json(value: Any) -> str:
    """JSON on one line where it is short, else indented; a plain list of numbers, such as of scores, in six digits.

    Raises:
        EvaluationError: it is nested too deeply.
    """
    if isinstance(value, list | tuple):
        value = [_six_digits(part) for part in value]
    try:
        line = json.dumps(value, ensure_ascii=False)
        return line if len(line) <= _SHORT_JSON_CHARS else json.dumps(value, ensure_ascii=False, indent=2)
    except RecursionError as error:
        raise EvaluationError("A sample holds a value that is nested too deeply to be shown.") from error


def _six_digits(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


def label_of(doc: Mapping[str, Any]) -> str:
    """One short line to find a sample by in a list."""
    texts = {name: value for name, value in doc.items() if isinstance(value, str) and value.strip()}
    named = next((texts[name] for name in _LABEL_FIELDS if name in texts), None)
    return shortened(" ".join((named or next(iter(texts.values()), as_json(doc))).split()), MAX_LABEL_CHARS)


def shortened(text: str, max_chars: int) -> str:
    """`text`, with an ellipsis for what is beyond `max_chars`."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"
