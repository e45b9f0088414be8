"""An ending completes what it is found for; where there is none, none is made up."""

import json
from typing import Any

import llguidance
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.grammar.base import Constraint
from runtime.grammar.ending import closes, find_ending, shortest_ending
from runtime.grammar.marks import marks_of
from runtime.grammar.source import grammar_of
from runtime.grammar.tables import byte_tables

SCHEMAS: list[Any] = [
    {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer"}}, "required": ["name", "n"]},
    {"type": "array", "minItems": 2, "items": {"type": "array", "minItems": 2, "items": {"type": "number"}}},
    {"type": "string", "minLength": 30},
    {"type": "string", "format": "uuid"},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "email"},
    {"anyOf": [{"const": "北京"}, {"type": "boolean"}, {"type": "null"}]},
    {},
]
SOURCES = [
    *(Constraint("json_schema", json.dumps(schema)) for schema in SCHEMAS),
    Constraint("regex", r"[^\[\]\n]{2,300} \[(1|2)\]( [^\[\]\n]{2,300} \[(1|2)\]){0,2}"),
    Constraint("regex", r"Thought: [^\n]{1,400}\nAction: (calc|search)\nAction Input: [^\n]{1,200}\n"),
    Constraint("grammar", 'start: expr\nexpr: term ("+" term)*\nterm: NUM | "(" expr ")"\nNUM: /[0-9]{3,}/'),
    Constraint("choice", ("Paris", "北京", 'a "b"')),
    Constraint("substring", "The quick 棕色 fox"),
]


def state_of(constraint: Constraint) -> llguidance.LLMatcher:
    state = llguidance.LLMatcher(byte_tables(), grammar_of(constraint), log_level=0)
    assert not state.is_error(), state.get_error()
    return state


def allowed(state: llguidance.LLMatcher) -> list[int]:
    bits = int.from_bytes(state.compute_bitmask()[:32], "little")
    return [byte for byte in range(256) if bits >> byte & 1]


@pytest.mark.parametrize("constraint", SOURCES, ids=lambda c: f"{c.kind}-{str(c.source)[:30]}")
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_an_ending_is_found_wherever_a_walk_stops(constraint: Constraint, data: st.DataObject) -> None:
    state = state_of(constraint)
    for _ in range(data.draw(st.integers(0, 25))):
        if not (choices := allowed(state)):
            break
        assert state.try_consume_tokens([data.draw(st.sampled_from(choices))]) == 1
    for ending in (find_ending(state), shortest_ending(state)):
        assert ending is not None
        assert closes(state, ending)


def test_nothing_is_added_where_the_text_may_end() -> None:
    state = state_of(Constraint("regex", "a*"))
    assert find_ending(state) == shortest_ending(state) == b""


def test_the_search_of_the_shortest_is_exact_in_the_small() -> None:
    state = state_of(Constraint("regex", r"(x[a-z]{5}y|zzz\.|long ending)"))
    assert shortest_ending(state) == b"zzz."


def test_bytes_that_are_not_usable_are_not_used() -> None:
    state = state_of(Constraint("choice", ("ab", "ccccc")))
    without_a = ((1 << 256) - 1) ^ (1 << ord("a"))
    assert find_ending(state, without_a) == shortest_ending(state, without_a) == b"ccccc"
    assert find_ending(state, 0) is None


def test_an_ending_that_is_too_far_is_not_found() -> None:
    state = state_of(Constraint("regex", "a{50}"))
    assert find_ending(state, max_bytes=49) is None
    assert find_ending(state, max_bytes=50) == b"a" * 50


def test_looking_for_an_ending_leaves_the_state_as_it_was() -> None:
    state = state_of(SOURCES[0])
    before = allowed(state)
    find_ending(state)
    closes(state, b"{")
    assert allowed(state) == before


def test_a_chinese_mark_that_ends_the_text_is_found() -> None:
    state = state_of(Constraint("regex", "[^？]{2,200}？"))
    assert state.try_consume_tokens(list("保修期是多久".encode())) == 18
    assert find_ending(state) == "？".encode()


@pytest.mark.parametrize(
    "constraint",
    [
        Constraint("regex", r"(?s:.*)</think>(yes|no)"),
        Constraint("regex", r"(?s:.*)```json(?s:.*)```"),
        Constraint("regex", r".*[0-9]{4}-[0-9]{2}.*"),
        Constraint("regex", r"[\s\S]{50,}THE END"),
        Constraint("grammar", 'start: t "yes"\nt[suffix="</think>\\n\\n"]: /(?s:.*)/'),
        Constraint("grammar", "start: T\nT: /(?s:.*)<\\/done>x/"),
        Constraint("json_schema", json.dumps({"type": "string", "pattern": "[0-9]{3} EUR"})),
        Constraint("json_schema", json.dumps({"type": "string", "pattern": '"$'})),
        Constraint("json_schema", json.dumps({"type": "string", "allOf": [{"pattern": "ab"}, {"pattern": "cd"}]})),
        Constraint(
            "json_schema",
            json.dumps({"type": "object", "patternProperties": {"[a-z]cole": {}}, "additionalProperties": False}),
        ),
        Constraint("json_schema", json.dumps({"enum": ["x"]}), after="</think>"),
    ],
    ids=lambda c: f"{c.kind}-{str(c.source)[:30]}",
)
def test_free_text_reaches_what_it_must_hold(constraint: Constraint) -> None:
    state, marks = state_of(constraint), marks_of(constraint)
    for text in ("", '{"', "Hm, 保修", "é".encode().decode("latin-1")):
        here = state.deep_copy()
        here.try_consume_tokens(list(text.encode()))
        for ending in (find_ending(here, marks=marks), shortest_ending(here, marks=marks)):
            assert ending is not None
            assert closes(here, ending)


def test_an_ending_is_found_in_the_middle_of_a_character_of_free_text() -> None:
    constraint = Constraint("json_schema", json.dumps({"enum": ["x"]}), after="</think>")
    state = state_of(constraint)
    assert state.try_consume_tokens(list("保修".encode())[:4]) == 4
    ending = find_ending(state, marks=marks_of(constraint))
    assert ending is not None
    assert ending.endswith(b'</think>"x"')
    assert closes(state, ending)


def test_free_text_that_swallows_its_end_has_no_ending() -> None:
    assert find_ending(state_of(Constraint("grammar", 'start: /(?s:.*)/ "</think>" /[0-9]+/'))) is None


NODE = {
    "type": "object",
    "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
    "required": ["value", "children"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("depth", [0, 1, 2, 40])
def test_what_is_nested_is_closed_without_going_on(depth: int) -> None:
    state = state_of(Constraint("json_schema", json.dumps({"$defs": {"node": NODE}, "$ref": "#/$defs/node"})))
    text = '{"value":1,"children":[' * depth + '{"va'
    assert state.try_consume_tokens(list(text.encode())) == len(text)
    assert find_ending(state) == b'lue":0,"children":[]}' + b"]}" * depth
    if depth < 3:
        assert shortest_ending(state) == find_ending(state)


def test_brackets_are_not_opened_for_want_of_a_usual_byte() -> None:
    grammar = 'start: sum\nsum: term ("+" term)*\nterm: NUMBER | "(" sum ")"\nNUMBER: /[1-9][0-9]{0,8}/'
    assert find_ending(state_of(Constraint("grammar", grammar))) == b"1"
