"""What was compiled is kept: once for all who ask, in bounded memory, without holding up what is compiled beside it."""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.grammar import matcher
from runtime.grammar.base import Constraint
from runtime.grammar.closing import ClosingMatcher
from runtime.grammar.matcher import MAX_COMPILED, MAX_COMPILED_BYTES, compile_constraint
from runtime.tokenizer.base import Tokenizer
from tests.helpers.byte_tokenizer import ByteTokenizer

A, B = Constraint("regex", "a{3}"), Constraint("regex", "b+")


@pytest.fixture
def tokenizer() -> Tokenizer:
    return ByteTokenizer(["ab"])


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Constraint]:
    """Constraints in the order they were compiled."""
    constraints: list[Constraint] = []

    class Counted(ClosingMatcher):
        def __init__(self, constraint: Constraint, tokenizer: Tokenizer) -> None:
            constraints.append(constraint)
            super().__init__(constraint, tokenizer)

    monkeypatch.setattr(matcher, "ClosingMatcher", Counted)
    return constraints


def compile_all(constraints: Sequence[Constraint], tokenizer: Tokenizer) -> None:
    with ThreadPoolExecutor(len(constraints)) as pool:
        list(pool.map(lambda constraint: compile_constraint(constraint, tokenizer), constraints))


def test_one_constraint_is_compiled_once_however_many_ask(tokenizer: Tokenizer, made: list[Constraint]) -> None:
    compile_all([A] * 8, tokenizer)
    assert made == [A]


def test_two_constraints_are_compiled_at_the_same_time(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=20)

    class Meeting(ClosingMatcher):
        def __init__(self, constraint: Constraint, tokenizer: Tokenizer) -> None:
            both.wait()  # breaks, after its timeout, where one waits for the other
            super().__init__(constraint, tokenizer)

    monkeypatch.setattr(matcher, "ClosingMatcher", Meeting)
    compile_all([A, B], tokenizer)


def test_a_walk_does_not_move_what_is_kept(tokenizer: Tokenizer, made: list[Constraint]) -> None:
    compile_constraint(A, tokenizer).accept(ord("a"))
    assert len(compile_constraint(A, tokenizer).ending()) == 3
    assert made == [A]


def test_what_was_not_used_for_long_is_compiled_again(tokenizer: Tokenizer, made: list[Constraint]) -> None:
    compile_constraint(A, tokenizer)
    compile_constraint(B, tokenizer)
    for number in range(MAX_COMPILED - 1):
        compile_constraint(Constraint("regex", f"c{{{number + 1}}}"), tokenizer)
        compile_constraint(A, tokenizer)
    assert (made.count(A), made.count(B)) == (1, 1)
    compile_constraint(B, tokenizer)
    compile_constraint(A, tokenizer)
    assert (made.count(A), made.count(B)) == (1, 2)


def test_large_constraints_push_others_out(
    tokenizer: Tokenizer, made: list[Constraint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matcher, "is_plain", lambda constraint: False)
    monkeypatch.setattr(matcher, "try_compile", lambda constraint: MAX_COMPILED_BYTES // 4)
    for constraint in (A, B, Constraint("regex", "c"), B, A):
        compile_constraint(constraint, tokenizer)
    assert (made.count(A), made.count(B)) == (2, 1)  # two fit: each takes twice what it took in the trial


def test_what_is_refused_is_not_kept(tokenizer: Tokenizer, made: list[Constraint]) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot be followed"):
            compile_constraint(Constraint("regex", "("), tokenizer)
    assert len(made) == 2


def test_many_different_schemas_take_little_memory(tokenizer: Tokenizer) -> None:
    """10,000 on a real vocabulary took 18 MB, all of them with the first 64."""

    def compile_some(start: int) -> int:
        for number in range(start, start + 200):
            properties = {f"k{number}": {"type": "string"}}
            compile_constraint(Constraint("json_schema", json.dumps({"properties": properties})), tokenizer)
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * 4096

    first = compile_some(0)
    assert max(compile_some(start) for start in (200, 400, 600)) - first < 20 << 20
