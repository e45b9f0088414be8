"""Whatever is drawn, a constrained completion matches when its tokens are spent."""

import json
import re

import numpy as np
import pytest

from runtime.errors import ConstraintLimitError
from runtime.grammar.base import Constraint, Matcher
from runtime.grammar.matcher import compile_constraint
from tests.helpers.byte_tokenizer import ByteTokenizer
from tests.runtime.grammar.test_ending import SOURCES

TOKENIZER = ByteTokenizer(['{"', '":', '"}', '", "', "name", " the", "tr", "ue", "12", "北", "北京", "</", "</think>"])


def walk(state: Matcher, max_tokens: int, rng: np.random.Generator) -> list[int]:
    """Tokens drawn at random as the engine takes them: one that leaves no room to end is given up for the ending."""
    ids: list[int] = []
    while len(ids) < max_tokens and not state.is_finished():
        choices = np.flatnonzero(np.unpackbits(state.mask().view(np.uint8), bitorder="little"))
        token_id = int(rng.choice(choices))
        if not state.try_accept(token_id, max_tokens - len(ids) - 1):
            return [*ids, *state.ending()]
        if token_id in TOKENIZER.eog_ids:
            return ids
        ids.append(token_id)
    return ids


@pytest.mark.parametrize("constraint", SOURCES, ids=lambda c: f"{c.kind}-{str(c.source)[:30]}")
def test_random_walks_match_within_any_limit(constraint: Constraint, rng: np.random.Generator) -> None:
    shortest = len(compile_constraint(constraint, TOKENIZER).ending())
    for extra in (0, 1, 2, 5, 10, 40):
        limit = shortest + extra
        ids = walk(compile_constraint(constraint, TOKENIZER, limit), limit, rng)
        state = compile_constraint(constraint, TOKENIZER)
        for token_id in ids:
            state.accept(token_id)
        assert len(ids) <= limit
        assert state.is_accepting()


def test_a_limit_below_the_shortest_text_is_refused_with_both_numbers() -> None:
    constraint = Constraint("choice", ("abcdef", "abcdefgh"))
    assert len(compile_constraint(constraint, TOKENIZER, 6).ending()) == 6
    with pytest.raises(ConstraintLimitError, match="takes 6 tokens, and the completion may have 5") as caught:
        compile_constraint(constraint, TOKENIZER, 5)
    assert (caught.value.num_tokens, caught.value.limit) == (6, 5)


def test_a_token_without_room_to_end_is_refused_and_changes_nothing() -> None:
    state = compile_constraint(Constraint("regex", '"[a-z]*"'), TOKENIZER, 3)
    assert state.try_accept(ord('"'), 2)
    assert not state.try_accept(ord("x"), 0)
    assert state.try_accept(ord("x"), 1)
    assert not state.try_accept(TOKENIZER.token_id("name") or 0, 0)
    assert state.try_accept(ord('"'), 0)
    assert state.is_finished()


def test_an_ending_may_begin_within_a_character() -> None:
    state = compile_constraint(Constraint("choice", ("北京",)), TOKENIZER)
    state.accept("北".encode()[0])
    assert b"".join(map(TOKENIZER.token_bytes, state.ending())) == "北京".encode()[1:]


def test_what_must_come_is_told() -> None:
    state = compile_constraint(Constraint("regex", '\\{"name":[0-9]+'), TOKENIZER)
    assert b"".join(map(TOKENIZER.token_bytes, state.forced())) == b'{"name":'
    for token_id in state.forced():
        state.accept(token_id)
    assert state.forced() == ()


def test_free_text_comes_before_and_ends_with_its_mark(rng: np.random.Generator) -> None:
    constraint = Constraint("json_schema", json.dumps({"enum": ["x", "y"]}), after="</think>")
    for limit in (4, 10, 30):
        ids = walk(compile_constraint(constraint, TOKENIZER, limit), limit, rng)
        text = TOKENIZER.decode(ids)
        assert re.fullmatch(r'(?s:.*?)</think>"[xy]"', text), text
        assert len(ids) <= limit


def test_a_mark_that_spans_tokens_is_seen() -> None:
    state = compile_constraint(Constraint("choice", ("yes",), after="</think>"), TOKENIZER, 60)
    for byte in b"a</thi</think>":
        assert state.try_accept(byte, 40)
    assert TOKENIZER.decode(list(state.ending())) == "yes"


def test_a_part_of_a_text_is_quoted_word_for_word(rng: np.random.Generator) -> None:
    source = "The quick 棕色 fox"
    parts = {
        TOKENIZER.decode(walk(compile_constraint(Constraint("substring", source), TOKENIZER, 9), 9, rng))
        for _ in range(20)
    }
    assert all(part and part in source for part in parts)
    assert len(parts) > 3


def test_a_character_may_be_written_byte_by_byte_in_free_text() -> None:
    state = compile_constraint(Constraint("json_schema", json.dumps({"enum": ["x"]}), after="</think>"), TOKENIZER, 60)
    for byte in "保修期😀".encode():
        assert state.try_accept(byte, 40)
    assert TOKENIZER.decode(list(state.ending())) == '</think>"x"'
