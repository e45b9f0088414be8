"""What a constraint says, checked and written in llguidance's own form."""

import json
import re
from collections.abc import Iterator
from typing import Any, cast

import llguidance

from runtime.grammar.base import Constraint
from runtime.grammar.schema import strict_schema

MAX_SOURCE_CHARS = 1 << 18
MAX_SCHEMA_DEPTH = 64
_PART_NAME = re.compile("[a-z][a-z0-9_]{0,63}")
WHAT_TO_CHANGE = {
    "regex": "Write it in the syntax of Rust's regex crate: no look-around, no back-references, balanced parentheses.",
    "json_schema": "Leave out what a grammar cannot express (not, if, uniqueItems, contains and the like).",
    "choice": "Give one or more different texts.",
    "grammar": "Write Lark as llguidance reads it: a rule `start`, and every name that is used defined.",
    "substring": "Give the text to quote from.",
}


def grammar_of(constraint: Constraint) -> str:
    """The grammar that llguidance compiles. JSON is compact: free to write blanks, a model may never stop.

    Raises:
        ValueError: a constraint of the wrong type, too large, or not JSON where it should be.
    """
    parts = [_named_body(name, part) for name, part in _checked_parts(constraint)]
    grammars = [_body(constraint), *parts]
    if constraint.after:
        grammars = [_free_text(constraint.after), {**grammars[0], "name": "body"}, *parts]
    return json.dumps({"grammars": grammars})


def _body(constraint: Constraint) -> dict[str, Any]:
    kind: str = constraint.kind  # from outside, whatever its type says
    source = constraint.source
    if kind == "choice":
        if isinstance(source, str) or not source or not all(isinstance(text, str) for text in source):
            raise ValueError(f'A constraint of kind "choice" takes a tuple of one or more texts, got {source!r}.')
        source = "start: TEXT\nTEXT: " + " | ".join(map(json.dumps, source))  # as one terminal: 20,000 cost 0.1 s
        _check_size(kind, source)
        return {"lark_grammar": source}
    if not isinstance(source, str):
        raise ValueError(f'A constraint of kind "{kind}" takes text, got {source!r}.')
    _check_size(kind, source)
    match kind:
        case "regex":
            return _first_grammar(llguidance.LLMatcher.grammar_from_regex(source))
        case "grammar":
            return {"lark_grammar": source}
        case "substring":
            if not source:
                raise ValueError('A constraint of kind "substring" takes a text that is not empty.')
            part = json.dumps({"substring_chars": source})
            return {"lark_grammar": f"start: PART\nPART: %regex {part} & /(?s:.+)/"}
        case "json_schema":
            schema = json.dumps(strict_schema(_parsed_schema(source)))
            overrides: Any = {"whitespace_flexible": False}
            return _first_grammar(llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=overrides))
    kinds = ", ".join(f'"{name}"' for name in WHAT_TO_CHANGE)
    raise ValueError(f"A constraint has the kind {kind!r}; there are {kinds}.")


def _named_body(name: str, part: Constraint) -> dict[str, Any]:
    try:
        return {**_body(part), "name": name}
    except ValueError as error:
        raise ValueError(f"The part {name!r} of the grammar: {error}") from error


def _first_grammar(text: str) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(text)["grammars"][0])


def _checked_parts(constraint: Constraint) -> tuple[tuple[str, Constraint], ...]:
    if constraint.parts and constraint.kind != "grammar":
        raise ValueError(f'A constraint of kind "{constraint.kind}" has parts; only a "grammar" refers to any.')
    names = [name for name, _ in constraint.parts]
    for name, part in constraint.parts:
        if not _PART_NAME.fullmatch(name) or name == "body" or names.count(name) > 1:
            raise ValueError(
                f"A part of a grammar is named {name!r:.80}; give each a name of its own, of small letters, digits "
                'and _, other than "body".'
            )
        if part.parts or part.after:
            raise ValueError(
                f"The part {name!r} of a grammar has `parts` or `after`; put those into the grammar itself."
            )
    return constraint.parts


def _free_text(after: str) -> dict[str, Any]:
    if not isinstance(after, str) or len(after) > 100:
        raise ValueError(f"`after` of a constraint is a text of at most 100 characters, got {after!r:.120}.")
    return {"lark_grammar": f"start: free @body\nfree[suffix={json.dumps(after)}]: /(?s:.*)/"}


def _check_size(kind: str, source: str) -> None:
    if len(source) > MAX_SOURCE_CHARS:
        raise ValueError(f"This {kind} has {len(source):,} characters; at most {MAX_SOURCE_CHARS:,} are compiled.")


def _parsed_schema(source: str) -> Any:
    try:
        schema = json.loads(source)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The JSON schema is not JSON: {error}") from error
    if not isinstance(schema, dict | bool):
        raise ValueError(f"A JSON schema is an object, got {source[:80]!r}.")
    if isinstance(schema, bool):  # true allows everything, as an empty schema does, and false nothing
        if not schema:
            raise ValueError("No text matches the schema false: nothing may come next. Allow at least one value.")
        return {}
    for depth, _ in enumerate(_levels(schema)):
        if depth >= MAX_SCHEMA_DEPTH:
            raise ValueError(f"The JSON schema is nested more than {MAX_SCHEMA_DEPTH} deep; use $defs and $ref.")
    return schema


def _levels(value: Any) -> Iterator[list[Any]]:
    level = [value]
    while level:
        yield level
        nested = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [item for items in nested for item in items]
