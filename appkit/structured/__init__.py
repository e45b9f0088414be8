"""Answers as typed Python values. Names are imported when they are first used."""

from typing import TYPE_CHECKING

from appkit.lazy_names import lazy_names

if TYPE_CHECKING:
    from appkit.structured.concise import parse_concise_schema
    from appkit.structured.generate import TypedAnswer, ask_typed, generate_typed
    from appkit.structured.output import OutputType, output_type
    from appkit.structured.retry import Retry
    from appkit.structured.text_kinds import Choice, Regex

_HOMES = {
    "Choice": "text_kinds",
    "OutputType": "output",
    "Regex": "text_kinds",
    "Retry": "retry",
    "TypedAnswer": "generate",
    "ask_typed": "generate",
    "generate_typed": "generate",
    "output_type": "output",
    "parse_concise_schema": "concise",
}

__all__ = [
    "Choice",
    "OutputType",
    "Regex",
    "Retry",
    "TypedAnswer",
    "ask_typed",
    "generate_typed",
    "output_type",
    "parse_concise_schema",
]

__getattr__ = lazy_names(__name__, _HOMES, globals())
