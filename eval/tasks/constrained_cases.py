"""Constraints of every kind, each with a check of what was written that shares no code with the constraint."""

import ast
import datetime
import ipaddress
import json
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime import Constraint

DOCUMENTS = Path(__file__).resolve().parents[2] / "examples" / "documents"
TEXT = {"type": "string"}
CITATION = r"[^\[\]\n]{2,300} \[(1|2)\]"
LABELS = ("billing", "technical problem", "账户", "退款申请", 'says "no"', "other")
GOODS = ("tea", "coffee", "水")
TOOLS = ("search", "calculator", "weather")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A constraint, and whether a text is what it asks for; the check may also raise ValueError for one that is not."""

    name: str
    constraint: Constraint
    check: Callable[[str], object]


def _record(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _schema(value: Any, after: str = "") -> Constraint:
    return Constraint("json_schema", json.dumps(value), after)


PERSON = _record(
    name=TEXT,
    age={"type": "integer", "minimum": 0, "maximum": 130},
    email={"type": "string", "format": "email"},
    born={"type": "string", "format": "date"},
    tags={"type": "array", "items": TEXT, "maxItems": 5},
)
NUMBERS = _record(
    share={"type": "number", "minimum": 0, "maximum": 1},
    steps={"type": "array", "items": {"type": "number", "multipleOf": 0.25}, "minItems": 2},
    size={"type": "integer", "exclusiveMinimum": 9, "exclusiveMaximum": 1000},
)
STRINGS = _record(
    code={"type": "string", "pattern": "^[A-Z]{2}-[0-9]{4,8}$"},
    price={"type": "string", "pattern": "[0-9]+ EUR"},
    summary={"type": "string", "minLength": 20, "maxLength": 200},
)
FORMATS = _record(
    at={"type": "string", "format": "date-time"},
    id={"type": "string", "format": "uuid"},
    address={"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "null"}]},
)
ORDER = _record(
    lines={
        "type": "array",
        "items": _record(item={"enum": list(GOODS)}, count={"type": "integer"}, note={"type": ["string", "null"]}),
        "minItems": 1,
        "maxItems": 4,
    },
    paid={"type": "boolean"},
)  # fmt: skip
TREE = {
    "$defs": {
        "node": _record(value={"type": "integer"}, children={"type": "array", "items": {"$ref": "#/$defs/node"}})
    },
    "$ref": "#/$defs/node",
}
CALL = {"anyOf": [_record(name={"const": tool}, arguments=_record(query=TEXT)) for tool in TOOLS]}
ARITHMETIC = 'start: sum\nsum: term (("+" | "-") term)*\nterm: NUMBER | "(" sum ")"\nNUMBER: /[1-9][0-9]{0,8}/'
REACT = "\n".join(
    [
        'start: "Thought: " THOUGHT "\\n" (action | "Final Answer: " ANSWER)',
        r"THOUGHT: /[^\n]+/",
        r"ANSWER: /(?s:.+)/",
        "action: " + " | ".join(f'"Action: {tool}\\nAction Input: " @arguments' for tool in TOOLS),
    ]
)


def cases() -> tuple[Case, ...]:
    """All cases; one reads a document that comes with the project."""
    document = next(path for path in sorted(DOCUMENTS.rglob("*.md"))).read_text("utf-8")[:10_000]
    return (
        Case(
            name="regex: a telephone number",
            constraint=Constraint("regex", r"\+[0-9]{1,3} [0-9]{3}-[0-9]{4}"),
            check=lambda text: re.fullmatch(r"\+\d{1,3} \d{3}-\d{4}", text, re.ASCII),
        ),
        Case(
            name="regex: up to three sentences, each cited",
            constraint=Constraint("regex", f"{CITATION}( {CITATION}){{0,2}}"),
            check=lambda text: re.fullmatch(f"{CITATION}( {CITATION}){{0,2}}", text),
        ),
        Case(
            name="regex: a Chinese sentence",
            constraint=Constraint("regex", "[一-龥，]{2,60}。"),
            check=lambda text: 3 <= len(text) <= 61 and text.endswith("。") and re.fullmatch("[一-龥，]+", text[:-1]),
        ),
        Case(
            name="regex: free text up to a mark, then a verdict",
            constraint=Constraint("regex", r"(?s:.*)</think>(yes|no)"),
            check=lambda text: text.endswith(("</think>yes", "</think>no")),
        ),
        Case(name="choice", constraint=Constraint("choice", LABELS), check=LABELS.__contains__),
        Case(name="schema: a string", constraint=_schema(TEXT), check=lambda text: isinstance(json.loads(text), str)),
        Case(name="schema: anything", constraint=_schema({}), check=lambda text: json.loads(text) is not Case),
        Case(name="schema: a person", constraint=_schema(PERSON), check=is_person),
        Case(name="schema: numbers", constraint=_schema(NUMBERS), check=is_numbers),
        Case(name="schema: lengths and patterns", constraint=_schema(STRINGS), check=is_strings),
        Case(name="schema: formats", constraint=_schema(FORMATS), check=is_formats),
        Case(name="schema: an order, nested", constraint=_schema(ORDER), check=is_order),
        Case(name="schema: a tree", constraint=_schema(TREE), check=lambda text: is_tree(json.loads(text))),
        Case(name="schema: a call of one of three tools", constraint=_schema(CALL), check=is_call),
        Case(
            name="schema: the same after free thinking",
            constraint=_schema(CALL, after="</think>"),
            check=lambda text: is_call(text.partition("</think>")[2]),
        ),
        Case(name="grammar: arithmetic", constraint=Constraint("grammar", ARITHMETIC), check=is_arithmetic),
        Case(
            name="grammar: a thought, then a call or an answer",
            constraint=Constraint("grammar", REACT, parts=(("arguments", _schema(_record(query=TEXT))),)),
            check=is_react,
        ),
        Case(
            name="substring of 10,000 characters",
            constraint=Constraint("substring", document),
            check=lambda text: text and text in document,
        ),
    )


def is_person(text: str) -> bool:
    """Of `PERSON`."""
    value = json.loads(text)
    datetime.date.fromisoformat(value["born"])
    return (
        list(value) == ["name", "age", "email", "born", "tags"]
        and isinstance(value["name"], str)
        and _is_whole(value["age"])
        and 0 <= value["age"] <= 130
        and re.fullmatch(r"[^@\s]+@[^@\s]+", value["email"]) is not None
        and len(value["tags"]) <= 5
        and all(isinstance(tag, str) for tag in value["tags"])
    )


def is_numbers(text: str) -> bool:
    """Of `NUMBERS`."""
    value = json.loads(text)
    return (
        list(value) == ["share", "steps", "size"]
        and 0 <= value["share"] <= 1
        and len(value["steps"]) >= 2
        and all((4 * step).is_integer() for step in map(float, value["steps"]))
        and _is_whole(value["size"])
        and 9 < value["size"] < 1000
    )


def is_strings(text: str) -> bool:
    """Of `STRINGS`."""
    value = json.loads(text)
    return (
        re.fullmatch("[A-Z]{2}-[0-9]{4,8}", value["code"]) is not None
        and re.search("[0-9]+ EUR", value["price"]) is not None
        and 20 <= len(value["summary"]) <= 200
    )


def is_formats(text: str) -> bool:
    """Of `FORMATS`."""
    value = json.loads(text)
    at = value["at"].upper()
    datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", at))  # Python keeps six digits of a second
    uuid.UUID(value["id"])
    return value["address"] is None or ipaddress.IPv4Address(value["address"]) is not None


def is_order(text: str) -> bool:
    """Of `ORDER`."""
    value = json.loads(text)
    return (
        isinstance(value["paid"], bool)
        and 1 <= len(value["lines"]) <= 4
        and all(
            line["item"] in GOODS and _is_whole(line["count"]) and isinstance(line["note"], str | None)
            for line in value["lines"]
        )
    )


def is_tree(value: Any) -> bool:
    """Of `TREE`, parsed."""
    return list(value) == ["value", "children"] and _is_whole(value["value"]) and all(map(is_tree, value["children"]))


def is_call(text: str) -> bool:
    """Of `CALL`."""
    value = json.loads(text)
    return list(value) == ["name", "arguments"] and value["name"] in TOOLS and _is_query(value["arguments"])


def is_arithmetic(text: str) -> bool:
    """Of `ARITHMETIC`: Python reads it as sums of numbers."""
    allowed = (ast.Expression, ast.BinOp, ast.Add, ast.Sub, ast.Constant)
    return all(isinstance(node, allowed) for node in ast.walk(ast.parse(text, mode="eval")))


def is_react(text: str) -> bool:
    """Of `REACT`."""
    thought, _, rest = text.partition("\n")
    if not re.fullmatch(r"Thought: .+", thought):
        return False
    if rest.startswith("Final Answer: "):
        return len(rest) > len("Final Answer: ")
    found = re.fullmatch(rf"Action: ({'|'.join(TOOLS)})\nAction Input: (.*)", rest, re.DOTALL)
    return found is not None and _is_query(json.loads(found[2]))


def _is_query(arguments: Any) -> bool:
    return list(arguments) == ["query"] and isinstance(arguments["query"], str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
