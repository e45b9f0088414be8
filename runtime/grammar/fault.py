"""Why a constraint cannot be followed, and where in it the fault lies, so that whoever wrote it finds it.

llguidance says why, seldom where. So the parts of a refused constraint are compiled one by one, from the outside in,
to find the innermost that is refused by itself.
"""

import json
from collections.abc import Iterator
from typing import Any

from runtime.grammar.base import Constraint
from runtime.grammar.source import WHAT_TO_CHANGE, grammar_of
from runtime.grammar.tables import byte_tables, new_matcher

MAX_TRIES = 400  # parts looked at, of some tenths of a millisecond each
_SHARED = ("$defs", "definitions")
# Where llguidance's reason does not say it: part of the reason, and the keyword of JSON Schema at fault.
_KEYWORDS = {
    "Resource '": '"$ref" or "$schema" of another document',
    "schema is false": "the schema false",
    "anyOf is empty": '"anyOf"',
    "oneOf constraints": '"oneOf" of schemas that may match the same text',
    "regex parse error": '"pattern"',
    "for float range": '"minimum", "maximum", "exclusiveMinimum" or "exclusiveMaximum"',
    "patternProperty": '"patternProperties"',
    "Unknown format": '"format"',
    "Unable to determine if regex is empty": '"pattern" with other limits on the same text',
}


def refusal_of(constraint: Constraint, reason: str) -> ValueError:
    """The error to raise for a constraint that llguidance refused with `reason`."""
    for name, part in constraint.parts:
        part_reason = _reason(part)
        if part_reason is not None:
            error = refusal_of(part, part_reason)
            return ValueError(f"The part {name!r} of the grammar: {error}")
    if constraint.kind != "json_schema" or not isinstance(constraint.source, str):
        return refusal(constraint.kind, reason)
    where, reason = _place(json.loads(constraint.source), reason)
    return refusal(constraint.kind, reason, where)


def refusal(kind: str, reason: str, where: str = "") -> ValueError:
    """llguidance's reason without the dump of its state, the place, and what to do."""
    reason = reason.split("\n<state>")[0].split("\n  while processing")[0].strip()
    what = f"This {kind}" if where in ("", "#") else f"{where} of this {kind}"
    if reason.startswith("NoExtension"):
        what = what.replace("This", "this")
        return ValueError(f"No text matches {what}: nothing may come next. Allow at least one text.")
    way_out = "Let some value meet it." if reason.startswith("Unsatisfiable") else WHAT_TO_CHANGE[kind]
    if kind == "json_schema":
        named = next((keyword for part, keyword in _KEYWORDS.items() if part in reason), "")
        reason = f"{named}: {reason}" if named else reason
    return ValueError(f"{what} cannot be followed: {reason[:1000]}\n{way_out}")


def _reason(constraint: Constraint) -> str | None:
    """Why this constraint is refused by itself, or None where it is not."""
    try:
        state = new_matcher(byte_tables(), grammar_of(constraint))
    except ValueError as error:
        return str(error)
    if not state.is_error():
        state.compute_bitmask()
    return state.get_error() if state.is_error() else None


def _place(root: Any, reason: str) -> tuple[str, str]:
    """JSON pointer of the innermost schema in `root` that is refused by itself, and why it is."""
    where, schema, num_tries = "#", root, 0
    seen = {where}
    while True:
        for inner_where, inner in _inner_schemas(schema, where, root, reason):
            if inner_where in seen or num_tries == MAX_TRIES:
                continue
            num_tries += 1
            seen.add(inner_where)
            inner_reason = _reason(Constraint("json_schema", json.dumps(_with_shared(inner, root))))
            if inner_reason is not None:
                where, schema, reason = inner_where, inner, inner_reason
                break
        else:
            return where, reason


def _inner_schemas(schema: Any, where: str, root: Any, reason: str) -> Iterator[tuple[str, Any]]:
    """Schemas directly in `schema` that may be to blame, each with its pointer; what it refers to is among them."""
    if not isinstance(schema, dict):
        return
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref.startswith(tuple(f"#/{key}/" for key in _SHARED)):
        _, key, name = ref.split("/", 2)
        name = name.replace("~1", "/").replace("~0", "~")
        target = root.get(key, {}).get(name)
        if target is not None:
            yield ref, target
    for key in ("allOf", "anyOf", "prefixItems"):
        for idx, inner in enumerate(_listed(schema.get(key))):
            yield f"{where}/{key}/{idx}", inner
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield f"{where}/{key}", schema[key]
    properties = schema.get("properties")
    is_contradiction = reason.startswith(("Unsatisfiable", "NoExtension"))
    required = _listed(schema.get("required"))
    for name, inner in (properties if isinstance(properties, dict) else {}).items():
        if not is_contradiction or name in required:  # what nobody has to write may be impossible
            yield f"{where}/properties/{_escaped(name)}", inner


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _with_shared(schema: Any, root: dict[str, Any]) -> Any:
    """`schema` with the definitions that its references point into."""
    if not isinstance(schema, dict):
        return schema
    return {**{key: root[key] for key in _SHARED if key in root}, **schema}


def _escaped(name: str) -> str:
    """A member's name in a JSON pointer (RFC 6901), cut where it is long."""
    return name[:60].replace("~", "~0").replace("/", "~1")
