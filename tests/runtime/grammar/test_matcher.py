"""Constraints: whatever is drawn under their masks matches, and whatever cannot be compiled is explained."""

import json
import re
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from runtime.grammar.base import Constraint, Matcher
from runtime.grammar.matcher import compile_constraint
from tests.helpers.byte_tokenizer import ByteTokenizer

TOKENIZER = ByteTokenizer(["ab", "abc", '{"', '":', "北", " the", "tr", "ue", "12"])
EOS = sorted(TOKENIZER.eog_ids)
Kind = Literal["regex", "json_schema", "choice", "grammar"]


def matcher(kind: Kind, source: str | tuple[str, ...]) -> Matcher:
    return compile_constraint(Constraint(kind, source), TOKENIZER)


def allowed(state: Matcher) -> list[int]:
    return np.flatnonzero(np.unpackbits(state.mask().view(np.uint8), bitorder="little")).tolist()


def accepts(state: Matcher, text: str) -> bool:
    """Whether the bytes of `text`, then the end, may be drawn one by one."""
    try:
        for byte in text.encode():
            state.accept(byte)
    except ValueError:
        return False
    return EOS[0] in allowed(state)


def walk(state: Matcher, rng: np.random.Generator, limit: int = 200) -> str | None:
    """A text of randomly drawn allowed tokens, or None if it did not end."""
    ids: list[int] = []
    for _ in range(limit):
        token_id = int(rng.choice(allowed(state)))
        state.accept(token_id)
        if token_id in EOS:
            return TOKENIZER.decode(ids)
        ids.append(token_id)
        if state.is_finished():
            return TOKENIZER.decode(ids)
    return None


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"enum": ["Ann", "北京"]}, "old": {"type": "boolean"}, "n": {"type": "integer"}},
    "required": ["name", "old"],
    "additionalProperties": False,
}
LARK = 'start: "<" word ("," word)* ">"\nword: /[a-c]{1,3}/'


def is_of_schema(text: str) -> bool:
    value = json.loads(text)
    return value["name"] in ("Ann", "北京") and isinstance(value["old"], bool) and set(value) <= {"name", "old", "n"}


@pytest.mark.parametrize(
    ("kind", "source", "is_match"),
    [
        ("regex", "(ab|c)+ the [0-9]{1,3}", lambda t: re.fullmatch("(ab|c)+ the [0-9]{1,3}", t)),
        ("regex", "[^a]{0,5}x", lambda t: re.fullmatch("[^a]{0,5}x", t, re.DOTALL)),
        ("choice", ("Paris", "北京", 'a "b"\n\\', "Pa"), lambda t: t in ("Paris", "北京", 'a "b"\n\\', "Pa")),
        ("json_schema", json.dumps(SCHEMA), is_of_schema),
        ("grammar", LARK, lambda t: re.fullmatch("<[a-c]{1,3}(,[a-c]{1,3})*>", t)),
    ],
)
def test_random_walks_end_in_a_match(kind: Kind, source: Any, is_match: Any, rng: np.random.Generator) -> None:
    texts = [walk(matcher(kind, source), rng) for _ in range(30)]
    ended = [text for text in texts if text is not None]
    assert len(ended) > 20
    assert all(is_match(text) for text in ended)
    assert len(set(ended)) > 1


def test_every_choice_and_nothing_else_is_accepted() -> None:
    choices = ("Paris", "Pa", "北京", 'say "hi"\n', "")
    assert all(accepts(matcher("choice", choices), text) for text in choices)
    assert not any(accepts(matcher("choice", choices), text) for text in ("P", "Paris!", "北", "paris"))


def test_tokens_of_several_bytes_are_allowed_where_they_fit() -> None:
    assert set(allowed(matcher("regex", "abc?"))) == {ord("a"), TOKENIZER.token_id("ab"), TOKENIZER.token_id("abc")}


def test_where_one_text_must_follow_it_is_asked_for_as_the_tokenizer_writes_it() -> None:
    assert allowed(matcher("regex", "abc")) == [TOKENIZER.token_id("abc")]


def test_the_end_is_allowed_with_all_its_tokens_where_the_text_may_end() -> None:
    state = matcher("regex", "a[bc]?")
    assert not set(EOS) & set(allowed(state))
    state.accept(ord("a"))
    assert set(EOS) <= set(allowed(state))


def test_a_mask_has_a_bit_for_each_token() -> None:
    mask = matcher("regex", "a").mask()
    assert (mask.dtype, mask.shape) == (np.uint32, (-(-TOKENIZER.vocab_size // 32),))


def test_control_tokens_are_not_text() -> None:
    state = matcher("regex", "<eos>.*")
    assert allowed(state) == [ord("<")]


def test_json_has_no_white_space_to_get_lost_in() -> None:
    assert accepts(matcher("json_schema", json.dumps(SCHEMA)), '{"name":"Ann","old":true}')
    assert not accepts(matcher("json_schema", json.dumps(SCHEMA)), '{ "name":"Ann","old":true}')


def test_it_is_finished_once_nothing_may_follow() -> None:
    state = matcher("regex", "a[bc]")
    state.accept(ord("a"))
    assert not state.is_finished()
    state.accept(ord("b"))
    assert state.is_finished()
    assert set(allowed(state)) == set(EOS)


@pytest.mark.parametrize("end", EOS)
def test_it_is_finished_after_any_end_token(end: int) -> None:
    state = matcher("regex", "a+")
    state.accept(ord("a"))
    state.accept(end)
    assert state.is_finished()
    with pytest.raises(ValueError, match="follows the end"):
        state.accept(ord("a"))


def test_a_token_that_may_not_come_is_refused_and_changes_nothing() -> None:
    state = matcher("regex", "ab?")
    before = allowed(state)
    for wrong in (ord("z"), EOS[0]):
        with pytest.raises(ValueError, match=f"Token {wrong}"):
            state.accept(wrong)
    assert allowed(state) == before


def test_matchers_of_one_tokenizer_do_not_disturb_each_other() -> None:
    first, second = matcher("regex", "ab"), matcher("regex", "ab")
    first.accept(ord("a"))
    assert ord("a") not in allowed(first)
    assert allowed(second) == [TOKENIZER.token_id("ab")]


@pytest.mark.parametrize(
    ("kind", "source", "message"),
    [
        ("regex", "a(", r"unclosed group[\s\S]*no look-around"),
        ("regex", "(?=a)b", "look-around"),
        ("regex", r"(a)\1", r"backreference[\s\S]*no look-around"),
        ("regex", "[^\\s\\S]", "No text matches this regex"),
        ("regex", "(" * 20_000, "cannot be followed"),
        ("regex", "a" * 300_000, "300,000 characters; at most 262,144"),
        ("json_schema", "{", "is not JSON"),
        ("json_schema", "[1]", "is an object"),
        ("json_schema", '{"not": {}}', r'# of the JSON schema has "not"[\s\S]*Leave it out'),
        ("json_schema", '{"type": "text"}', "cannot be followed"),
        ("json_schema", '{"a":' * 100 + "1" + "}" * 100, "more than 64 deep"),
        ("json_schema", "[" * 100_000, "is not JSON"),
        ("json_schema", '{"$ref": "#/$defs/none"}', "cannot be followed"),
        ("choice", (), "one or more texts"),
        ("choice", "Paris", "takes a tuple"),
        ("choice", (1,), "one or more texts"),
        ("grammar", "start: nobody", r"unknown name[\s\S]*every name that is used"),
        ("grammar", "start: ((", "cannot be followed"),
        ("grammar", 'start: start "a"', "No text matches this grammar"),
        ("regex", ("a",), "takes text"),
        ("poem", "a", "there are"),
    ],
)
def test_what_cannot_be_compiled_is_explained(kind: Any, source: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        matcher(kind, source)
    assert len(str(caught.value)) < 2000
    assert "<state>" not in str(caught.value)


def test_texts_in_a_list_are_refused_where_the_constraint_is_made() -> None:
    with pytest.raises(TypeError, match="give a tuple of texts"):
        Constraint("choice", ["a", "b"])  # type: ignore[arg-type]


def test_a_constraint_that_grows_too_complex_is_an_error_and_no_end() -> None:
    """llguidance then allows the end, which would look like a match."""
    rules = [f"r{i}: r{i + 1}? r{i + 1}? r{i + 1}?" for i in range(200)]
    state = matcher("grammar", "\n".join(["start: r0", *rules, 'r200: "a"']))
    with pytest.raises(ValueError, match="cannot be followed"):
        for _ in range(50):
            state.accept(ord("a"))
            state.mask()


def test_a_tokenizer_that_cannot_end_is_refused() -> None:
    with pytest.raises(ValueError, match="end-of-generation"):
        compile_constraint(Constraint("regex", "a"), ByteTokenizer([], num_ends=0))


def test_a_tokenizer_is_not_kept_alive() -> None:
    import gc
    import weakref

    tokenizer = ByteTokenizer([])
    gone = weakref.ref(tokenizer)
    state = compile_constraint(Constraint("regex", "a+"), tokenizer)
    del tokenizer
    gc.collect()
    assert gone() is None
    assert ord("a") in allowed(state)


def test_vocabularies_that_lack_bytes_do_no_harm() -> None:
    tokenizer = ByteTokenizer(["ab"], missing=b"z")
    state = compile_constraint(Constraint("regex", "zab|ab"), tokenizer)
    assert set(allowed(state)) == {ord("a"), tokenizer.token_id("ab")}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama-spm", "qwen2", "phi-3", "gpt-2", "llama-bpe"])
def test_real_vocabularies_write_each_choice(name: str, rng: np.random.Generator) -> None:
    from runtime.loaders.gguf import GGUFFile
    from runtime.tokenizer.build import build_tokenizer
    from tests.helpers.shared_data import shared_data

    with GGUFFile.open(shared_data("tokenizer-vocabs") / f"ggml-vocab-{name}.gguf") as file:
        tokenizer = build_tokenizer(file.metadata)
    choices = ("Paris", " London", "北京", "a\n  b", "😀")
    for wanted in choices:
        state, text = compile_constraint(Constraint("choice", choices), tokenizer), b""
        while not state.is_finished():
            fitting = [i for i in allowed(state) if wanted.encode().startswith(text + tokenizer.token_bytes(i))]
            token_id = max(fitting, key=lambda i: len(tokenizer.token_bytes(i)))
            state.accept(token_id)
            text += tokenizer.token_bytes(token_id)
        assert text.decode() == wanted


CALL = Constraint(
    "grammar",
    'start: "call " @arguments | "say " @words',
    parts=(("arguments", Constraint("json_schema", json.dumps(SCHEMA))), ("words", Constraint("regex", "[a-z ]+"))),
)


def test_a_grammar_refers_to_its_parts() -> None:
    for text in ('call {"name":"Ann","old":true}', "say so be it"):
        assert accepts(compile_constraint(CALL, TOKENIZER), text)
    for text in ('call {"name":"Bob","old":true}', "say 1", "say", 'say {"name":"Ann","old":true}'):
        assert not accepts(compile_constraint(CALL, TOKENIZER), text)


def test_a_grammar_with_parts_may_follow_free_text() -> None:
    thinking = replace(CALL, after="</think>")
    assert accepts(compile_constraint(thinking, TOKENIZER), "hm, say what?</think>say so")
    assert not accepts(compile_constraint(thinking, TOKENIZER), "say so")


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        (Constraint("regex", "a", parts=(("x", Constraint("regex", "b")),)), 'kind "regex" has parts'),
        (Constraint("grammar", "start: @x", parts=(("X-1", Constraint("regex", "b")),)), "'X-1'"),
        (Constraint("grammar", "start: @x", parts=(("x", Constraint("regex", "b")),) * 2), "a name of its own"),
        (Constraint("grammar", "start: @x", parts=(("x", Constraint("regex", "b", after="c")),)), "into the grammar"),
        (Constraint("grammar", "start: @y", parts=(("x", Constraint("regex", "b")),)), "y"),
        (Constraint("grammar", "start: @x", parts=(("x", Constraint("json_schema", '{"not": {}}')),)), '"not"'),
    ],
)
def test_parts_that_cannot_be_followed_are_explained(constraint: Constraint, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        compile_constraint(constraint, TOKENIZER)
