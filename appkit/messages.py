"""What is said between people, models and tools: plain frozen data that every folder shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
# With tools at hand: "auto" leaves calling to the model, "required" has it call at least one, "none" has it answer.
ToolChoice = Literal["auto", "required", "none"]


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A model's wish to call a tool. `arguments` is the parsed JSON object."""

    name: str
    arguments: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a conversation. A tool's result has role "tool" and names the call it answers."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    name: str = ""  # of the tool, for role "tool"
    tool_call_id: str = ""
    # What a model generated to say this, so that its KV pages are found again. Ids belong to the text, not beside it:
    # a model uses them only where they decode to `content`, and two messages that say the same are equal.
    token_ids: tuple[int, ...] = field(default=(), compare=False, repr=False)

    def to_template(self) -> dict[str, Any]:
        """The message as chat templates expect it (the OpenAI shape)."""
        data: dict[str, Any] = {"role": self.role, "content": self.content}
        if self.tool_calls:
            data["tool_calls"] = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": dict(c.arguments)}}
                for c in self.tool_calls
            ]
        if self.name:
            data["name"] = self.name
        if self.tool_call_id:
            data["tool_call_id"] = self.tool_call_id
        return data


@dataclass(frozen=True, kw_only=True)
class ToolSpec:
    """A tool as the model is shown it. `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def to_template(self) -> dict[str, Any]:
        """The tool as chat templates, and servers, expect it (the OpenAI shape)."""
        parameters = dict(self.parameters) or {"type": "object", "properties": {}}
        function = {"name": self.name, "description": self.description, "parameters": parameters}
        return {"type": "function", "function": function}


@dataclass(frozen=True)
class Constraint:
    """Text an answer must match as a whole.

    "regex" and "grammar" take source text, "json_schema" a schema as JSON text, "choice" a tuple of texts, "substring"
    a text of which the answer is a part. With `after`, free text that ends with it comes before, such as "</think>".
    The text of a "grammar" (Lark) refers to each of its `parts`, constraints by name, as `@name`.
    """

    kind: Literal["regex", "json_schema", "choice", "grammar", "substring"]
    source: str | tuple[str, ...]
    after: str = ""
    parts: tuple[tuple[str, "Constraint"], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Citation:
    """A span of a source that an answer rests on: `text[start:end] == quote`, in characters."""

    file: str
    quote: str
    start: int
    end: int
    page_number: int | None = None
