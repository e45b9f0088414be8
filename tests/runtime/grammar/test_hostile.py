"""Constraints made to hurt: each is refused with a reason, or compiled, soon and in little memory; then all goes on."""

import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runtime.grammar import trial
from runtime.grammar.base import Constraint
from runtime.grammar.cost import is_plain
from runtime.grammar.matcher import compile_constraint
from runtime.grammar.trial import try_compile
from tests.helpers.byte_tokenizer import ByteTokenizer

TOKENIZER = ByteTokenizer(['{"', '":', " the", "12"])
MAX_SECONDS = 2  # of this process's work; a trial elsewhere keeps its own deadline, tested below
MAX_GROWTH_BYTES = 256 << 20
TEXT = {"type": "string"}


def schema(value: Any) -> Constraint:
    return Constraint("json_schema", json.dumps(value))


def text_with(**keywords: Any) -> Constraint:
    return schema(TEXT | keywords)


def lark(*lines: str) -> Constraint:
    return Constraint("grammar", "\n".join(lines))


def names(count: int, prefix: str = "r") -> list[str]:
    return [f"{prefix}{i}" for i in range(count)]


def chained(count: int, wrap: Any) -> Constraint:
    """References in a chain; each definition is what `wrap` makes of a reference to the next."""
    links = {here: wrap({"$ref": f"#/$defs/{there}"}) for here, there in pairwise(names(count + 1))}
    return schema({"$defs": links | {f"r{count}": TEXT}, "$ref": "#/$defs/r0"})


HOSTILE = {
    "14 patterns at once": text_with(allOf=[{"pattern": f"a{i}b"} for i in range(14)]),
    "200 patterns at once": text_with(allOf=[{"pattern": f"a{i}b"} for i in range(200)]),
    "patterns at once by reference": chained(40, lambda ref: {"allOf": [ref, {"pattern": "ab.*c"}]}),
    "1,000 anchored patterns at once": text_with(allOf=[{"pattern": f"^[^{i}]*$"} for i in range(1000)]),
    "patterns of counts at once": text_with(allOf=[{"pattern": f"^(..{{{i}}})*$"} for i in range(2, 14)]),
    "a pattern and a length": text_with(pattern="a.*b.*c", minLength=10**5, maxLength=10**6),
    "300 patterns of names": schema({"type": "object", "patternProperties": {f"^k{i}x": TEXT for i in range(300)}}),
    "10,000 members": schema({"type": "object", "properties": {str(i): {} for i in range(10_000)}}),
    "3,000 members": schema({"type": "object", "properties": {f"property_{i}": TEXT for i in range(3000)}}),
    "a multiple of 99,991": schema({"type": "integer", "multipleOf": 99_991}),
    "a multiple of 9,999,991": schema({"type": "integer", "multipleOf": 9_999_991}),
    "a multiple of 2^31 - 1": schema({"type": "integer", "multipleOf": 2**31 - 1}),
    "200 multiples": schema(
        {"type": "object", "properties": {f"p{i}": {"type": "integer", "multipleOf": 1009 + i} for i in range(200)}}
    ),
    "multiples at once": schema({"type": "integer", "allOf": [{"multipleOf": m} for m in (997, 1009, 1013, 1019)]}),
    "3,500 references in a chain": chained(3500, lambda ref: ref),
    "900 arrays in a chain": chained(900, lambda ref: {"type": "array", "items": ref}),
    "900 choices in a chain": chained(900, lambda ref: {"anyOf": [ref, {"type": "null"}]}),
    "doubling references": chained(30, lambda ref: {"type": "object", "properties": {"a": ref, "b": ref}}),
    "a reference to itself": schema({"$ref": "#"}),
    "references in a circle": schema(
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    ),
    "a product of choices": schema(
        {"allOf": [{"anyOf": [{"required": [f"p{i}_{j}"]} for j in range(8)]} for i in range(8)], "type": "object"}
    ),
    "an enum of 9,000": schema({"enum": [f"value {i * 7919 % 10_007}" for i in range(9000)]}),
    "a constant of 250,000 characters": schema({"const": "x" * 250_000}),
    "100,000 items at least": schema({"type": "array", "items": TEXT, "minItems": 10**5}),
    "a million characters at least": text_with(minLength=10**6, maxLength=10**9),
    "3,000 ranges of numbers": schema(
        {"prefixItems": [{"type": "number", "minimum": i + 0.1234, "maximum": i * 1e3} for i in range(3000)]}
    ),
    "nested counts": Constraint("regex", "((a{1000}){1000}){1000}"),
    "nested optional counts": Constraint("regex", "(((a|b)?{1,100}){1,100}){1,100}x"),
    "a count of a million": Constraint("regex", "[a-z]{1,1000000}"),
    "an automaton of 2^200 states": Constraint("regex", "(?s:.*)a(?s:.{200})b"),
    "5,000 optional letters": Constraint("regex", "a?" * 5000 + "a" * 5000),
    "classes of Unicode": Constraint("regex", "".join(rf"[\p{{L}}{i}]+\w*\W" for i in range(500))),
    "100,000 parentheses": Constraint("regex", "(" * 100_000 + ")" * 100_000),
    "20,000 words": Constraint("choice", tuple(f"c{i * 7919 % 100_003}" for i in range(20_000))),
    "8,000 rules in a chain": lark("start: r0", *(f'{a}: "a" {b}' for a, b in pairwise(names(8000))), 'r7999: "z"'),
    "20,000 alternatives": lark("start: " + " | ".join(names(100) * 200), *(f'{r}: "{r}"' for r in names(100))),
    "4,000 terminals that overlap": lark(
        "start: " + " | ".join(names(4000, "T")), *(f"{name}: /.*{name}.*/" for name in names(4000, "T"))
    ),
    "terminals that double": lark("start: T0", *(f"{a}: {b} {b}" for a, b in pairwise(names(31, "T"))), 'T30: "a"'),
    "terminals met 40 times": lark("start: T", "T: " + " & ".join(f"/(?s:.*)a{i}(?s:.*)/" for i in range(40))),
    "rules that may all be empty": lark(
        "start: r0", *(f"{a}: {b}? {b}? {b}?" for a, b in pairwise(names(201))), 'r200: "a"'
    ),
    "an ambiguous grammar": lark("start: e", 'e: e e | e e e | "a" | '),
    "repeats of repeats": lark("start: a{100}", "a: b{100}", "b: c{100}", 'c: "x"'),
    "a schema within a grammar": lark('start: %json {"type": "integer", "multipleOf": 9999991}'),
    "a hostile part": Constraint("grammar", "start: @x", parts=(("x", schema({"multipleOf": 9_999_991})),)),
    "200,000 characters to quote": Constraint("substring", "".join(chr(97 + i * i % 26) for i in range(200_000))),
}  # fmt: skip


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096


@pytest.mark.parametrize("constraint", HOSTILE.values(), ids=HOSTILE.keys())
def test_it_is_refused_or_compiled_soon_and_in_little_memory(constraint: Constraint) -> None:
    compile_constraint(Constraint("choice", ("a", "b")), TOKENIZER)
    before, start = resident_bytes(), time.thread_time()
    try:
        state = compile_constraint(constraint, TOKENIZER)
        outcome = None
    except ValueError as error:
        outcome = str(error)
    assert time.thread_time() - start < MAX_SECONDS
    assert resident_bytes() - before < MAX_GROWTH_BYTES
    if outcome is None:
        assert state.mask().any()
    else:
        assert 40 < len(outcome) < 1500
    ordinary = compile_constraint(schema({"type": "object", "properties": {"a": {"type": "integer"}}}), TOKENIZER, 20)
    assert ordinary.try_accept(ord("{"), 19)


@pytest.mark.parametrize(
    ("name", "cpu_ms", "limit"),
    [
        ("200 patterns at once", 60_000, "MiB of memory"),
        ("a multiple of 9,999,991", trial.CPU_MS, "s of processor time"),
        ("8,000 rules in a chain", 60_000, "MiB of stack"),
    ],
)
def test_a_refusal_says_what_was_too_much(name: str, cpu_ms: int, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "WALL_S", 60.0)  # on a slow machine another limit may be passed first
    monkeypatch.setattr(trial, "CPU_MS", cpu_ms)
    with pytest.raises(ValueError, match=f"takes more than [0-9.]+ {limit}"):
        compile_constraint(HOSTILE[name], TOKENIZER)


def test_a_trial_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "CPU_MS", 60_000)
    monkeypatch.setattr(trial, "WALL_S", 0.5)
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"takes more than 0\.5 s\."):
        compile_constraint(HOSTILE["a multiple of 9,999,991"], TOKENIZER)
    assert 0.5 <= time.monotonic() - start < 5


ORDINARY = (
    schema(
        {
            "type": "object",
            "properties": {
                "name": TEXT | {"maxLength": 2000},
                "day": TEXT | {"format": "date"},
                "sizes": {"type": "array", "items": {"type": "number", "multipleOf": 0.25}, "maxItems": 100},
                "code": TEXT | {"pattern": "^[A-Z]{2}-[0-9]{4,8}$"},
            },
        }
    ),
    schema({"anyOf": [{"type": "object", "properties": {"name": {"const": f"tool_{i}"}}} for i in range(40)]}),
    Constraint("regex", r"[^\[\]\n]{2,300} \[(1|2)\]( [^\[\]\n]{2,300} \[(1|2)\]){0,2}"),
    Constraint("choice", tuple(names(500, "label "))),
    Constraint("substring", "All that is said here. " * 2000),
)


def test_ordinary_constraints_need_no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.grammar.matcher.try_compile", lambda constraint: pytest.fail(str(constraint)[:80]))
    for constraint in ORDINARY:
        compile_constraint(constraint, TOKENIZER)


def test_what_passes_a_trial_says_what_it_took() -> None:
    assert not is_plain(HOSTILE["an enum of 9,000"])
    assert 1 << 20 < try_compile(HOSTILE["an enum of 9,000"]) < 64 << 20


def test_without_a_process_for_the_trial_a_suspect_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "")
    with pytest.raises(ValueError, match="none can be started"):
        compile_constraint(HOSTILE["a multiple of 9,999,991"], TOKENIZER)
    compile_constraint(ORDINARY[0], TOKENIZER)
