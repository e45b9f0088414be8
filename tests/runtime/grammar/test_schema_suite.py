"""The official JSON Schema suite, draft 2020-12: nothing invalid passes; what is blocked or refused too much is known.

python -m tests.runtime.grammar.test_schema_suite   # writes the list anew; it may only get shorter
"""

import json
from collections.abc import Iterator
from typing import Any

import llguidance

from runtime.grammar.base import Constraint
from runtime.grammar.fault import refusal
from runtime.grammar.source import grammar_of
from runtime.grammar.tables import byte_tables
from tests.helpers.shared_data import ROOT, shared_data

BLOCKED = ROOT / "tests" / "golden" / "json_schema_blocked.json"
KEYWORDS_WITHOUT_QUOTES = ("the schema false", "multipleOf", "anyOf is empty")
REASONS = {
    "const.json": "a value has one spelling: members in the order of the schema, numbers as written there",
    "enum.json": "a value has one spelling: members in the order of the schema, numbers as written there",
    "allOf.json": "members come in the order of the schema",
    "type.json": "an integer is written without a fraction",
    "format.json": "a format is held to, not only a note",
    "date-time.json": "no leap seconds, and at most nine digits after the point",
    "time.json": "no leap seconds",
    "hostname.json": "a host name is shorter here, and not in punycode",
    "email.json": "no quoted names and no address literals of IPv6",
    "ipv6.json": "no addresses that end in dotted decimals",
    "float-overflow.json": "exponents are not multiples a grammar can tell",
    "ecmascript-regex.json": "the byte order mark is no white space to the regex engine",
}


def cases() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((shared_data("json-schema-test-suite") / "tests").rglob("*.json")):
        for case in json.loads(path.read_text("utf-8")):
            yield path.name, case


def compiled(schema: Any) -> llguidance.LLMatcher | str:
    """The matcher of a schema, or why it is refused."""
    try:
        grammar = grammar_of(Constraint("json_schema", json.dumps(schema)))
    except ValueError as error:
        return str(error)
    matcher = llguidance.LLMatcher(byte_tables(), grammar, log_level=0)
    return str(refusal("json_schema", matcher.get_error())) if matcher.is_error() else matcher


def accepts(matcher: llguidance.LLMatcher, data: Any) -> bool:
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
    state = matcher.deep_copy()
    return state.try_consume_tokens(list(text)) == len(text) and state.is_accepting()


def wrong_answers() -> tuple[set[str], set[str]]:
    """Valid instances that are blocked, and invalid ones that are accepted."""
    blocked, accepted = set(), set()
    for file, case in cases():
        matcher = compiled(case["schema"])
        if isinstance(matcher, str):
            continue
        for test in case["tests"]:
            if accepts(matcher, test["data"]) != test["valid"]:
                name = f"{file}: {case['description']}: {test['description']}"
                (blocked if test["valid"] else accepted).add(name)
    return blocked, accepted


def test_nothing_invalid_is_accepted_and_what_is_blocked_is_known() -> None:
    blocked, accepted = wrong_answers()
    known = json.loads(BLOCKED.read_text("utf-8"))
    assert accepted == set()
    assert blocked == set(known), "shorter: write the list anew; longer: a schema got stricter"


def test_every_refusal_names_a_keyword_of_the_schema() -> None:
    refused = [(case["schema"], found) for _, case in cases() if isinstance(found := compiled(case["schema"]), str)]
    assert len(refused) <= 241
    for schema, message in refused:
        text = json.dumps(schema) + '"$dynamicAnchor"'  # of the metaschema, which some refer to
        names = [name for name in message.split('"')[1::2] if f'"{name}"' in text]
        assert names or any(name in message for name in KEYWORDS_WITHOUT_QUOTES), message


def write() -> None:
    blocked, _ = wrong_answers()
    reasons = {name: REASONS[name.split(":")[0]] for name in sorted(blocked)}
    BLOCKED.write_text(json.dumps(reasons, ensure_ascii=False, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    write()
