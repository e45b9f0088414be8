"""Control tokens stand in grammars as tokens, also where the ending is sought; text that spells them does not count."""

import json

import numpy as np
import pytest

from runtime import Constraint, compile_constraint
from runtime.errors import ConstraintLimitError
from runtime.grammar.schema import SPACED
from runtime.grammar.special import FREE_TEXT, spelling_of, split_tokens, tokens_as_text
from tests.helpers.byte_tokenizer import ByteTokenizer

TOKENIZER = ByteTokenizer([], num_ends=2)
MARK = max(TOKENIZER.eog_ids) + 1


class MarkTokenizer(ByteTokenizer):
    """A byte tokenizer with one control token more, which ends nothing."""

    def __init__(self) -> None:
        super().__init__([], num_ends=2)
        self._tokens.append(b"[MARK]")
        self.vocab_size += 1
        self.special_ids = self.special_ids | {MARK}


GRAMMAR = rf'start: TEXT? <[{MARK}]> "[" /[a-z]+/ "]" <[{MARK}]>' + f"\nTEXT: /{FREE_TEXT}+/"


def is_allowed(mask: np.ndarray, token_id: int) -> bool:
    return bool(mask[token_id // 32] >> token_id % 32 & 1)


def test_a_control_token_is_asked_for_and_its_spelling_is_text() -> None:
    matcher = compile_constraint(Constraint("grammar", GRAMMAR), MarkTokenizer())
    for token_id in b"hi [MARK]":
        assert is_allowed(matcher.mask(), MARK)
        matcher.accept(token_id)
    assert not matcher.is_accepting()
    matcher.accept(MARK)
    assert not is_allowed(matcher.mask(), MARK)
    assert matcher.forced()[:1] == (ord("["),)
    for token_id in (*b"[a]", MARK):
        matcher.accept(token_id)
    assert matcher.is_finished()


def test_endings_have_control_tokens_in_them() -> None:
    matcher = compile_constraint(Constraint("grammar", GRAMMAR), MarkTokenizer(), 5)
    assert matcher.ending() == (MARK, ord("["), ord("a"), ord("]"), MARK)
    assert not matcher.try_accept(ord("x"), 4)
    assert matcher.try_accept(MARK, 4)
    assert matcher.try_accept(ord("["), 3)
    assert matcher.ending() == (ord("a"), ord("]"), MARK)
    with pytest.raises(ConstraintLimitError) as caught:
        compile_constraint(Constraint("grammar", GRAMMAR), MarkTokenizer(), 4)
    assert caught.value.num_tokens == 5


def test_an_ending_after_text_and_a_control_token_is_still_one() -> None:
    matcher = compile_constraint(Constraint("grammar", GRAMMAR), MarkTokenizer(), 40)
    for token_id in (*"né".encode(), MARK, ord("["), ord("q")):
        assert matcher.try_accept(token_id, 20)
    for token_id in matcher.ending():
        matcher.accept(token_id)
    assert matcher.is_finished()


def test_only_tokens_become_text_not_what_spells_them() -> None:
    lark = 'start: <[7]> "<[8]>" A // <[9]>\nA: /<\\[10]>/'
    shown = json.loads(tokens_as_text(json.dumps({"grammars": [{"lark_grammar": lark}, {"json_schema": {}}]})))
    assert shown["grammars"][0]["lark_grammar"] == lark.replace("<[7]>", f'"{spelling_of(7).decode()}"')


def test_text_and_tokens_are_told_apart() -> None:
    data = b"a" + spelling_of(12) + spelling_of(3) + "é[1]".encode()
    assert split_tokens(data) == [b"a", 12, 3, "é[1]".encode()]


@pytest.mark.parametrize(
    ("guidance", "text"), [(SPACED, '{"a": [1, 2]}'), ({"item_separator": "  "}, '{"a":[1,2]}'), (None, '{"a":[1,2]}')]
)
def test_a_schema_may_ask_for_the_blanks_of_json_dumps_and_no_others(guidance: object, text: str) -> None:
    schema = {"properties": {"a": {"items": {"type": "integer"}}}, "required": ["a"], "additionalProperties": False}
    source = json.dumps(schema | ({} if guidance is None else {"x-guidance": guidance}))
    matcher = compile_constraint(Constraint("json_schema", source), TOKENIZER)
    for token_id in text.encode():
        assert is_allowed(matcher.mask(), token_id), text
        matcher.accept(token_id)
    assert matcher.is_accepting()
