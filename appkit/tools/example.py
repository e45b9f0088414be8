"""`ToolExample`: a question and the call that answers it, for models that learn a tool's use from being shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ToolExample:
    """One use of a tool, in the language of `question`. Nothing is called for it."""

    question: str
    arguments: Mapping[str, Any]
    result: str  # as the tool would give it
    answer: str  # what is said then
