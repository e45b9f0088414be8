"""The grammar lets through calls of the tools there are with valid arguments, answers, and nothing else."""

import json

import pytest

from appkit.llm.tool_formats.grammar import answer_constraint
from appkit.llm.tool_formats.schema import MAX_TOOLS, arguments_constraint, check_asked
from appkit.llm.tool_formats.syntax import HERMES, LLAMA3, MISTRAL, OWN, CallSyntax
from appkit.messages import Constraint, Message, ToolCall, ToolChoice, ToolSpec
from runtime import Constraint as RuntimeConstraint
from runtime import compile_constraint
from tests.helpers.byte_tokenizer import ByteTokenizer

SYNTAXES = (HERMES, LLAMA3, MISTRAL, OWN)
NUMBER = {"type": "object", "properties": {"a": {"type": "integer"}, "unit": {"enum": ["m", "km"]}}, "required": ["a"]}
TOOLS = (
    ToolSpec(name="add", description="Adds.", parameters=NUMBER),
    ToolSpec(name="look.at", description="Looks.", parameters={}),
)
TOKENIZER = ByteTokenizer([])


def accepts(text: str, syntax: CallSyntax, choice: ToolChoice = "auto", answer: Constraint | None = None) -> bool:
    constraint = answer_constraint(syntax, TOOLS, choice, answer, lambda text: [text] if text else [])
    matcher = compile_constraint(to_runtime(constraint), TOKENIZER).copy()
    for token_id in TOKENIZER.encode(text):
        if not matcher.mask()[token_id // 32] >> token_id % 32 & 1:
            return False
        matcher.accept(token_id)
    return matcher.is_accepting()


def to_runtime(constraint: Constraint) -> RuntimeConstraint:
    parts = tuple((name, to_runtime(part)) for name, part in constraint.parts)
    return RuntimeConstraint(constraint.kind, constraint.source, constraint.after, parts)


def call(name: str = "add", **arguments: object) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


@pytest.mark.parametrize("choice", ["auto", "required"])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_valid_calls_pass(syntax: CallSyntax, choice: ToolChoice) -> None:
    calls = (call(a=-1, unit="km"), call(a=7), call("look.at"))
    assert all(accepts(syntax.write([one]), syntax, choice) for one in calls)
    assert accepts(syntax.write([call(a=1)] * syntax.max_calls), syntax, choice)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize(
    "wrong",
    [call("rm"), call(), call(a="1"), call(a=1.5), call(a=1, unit="mile"), call(a=1, b=2), call("look.at", a=1)],
    ids=["tool", "missing", "text", "fraction", "enum", "unknown", "none taken"],
)
def test_other_calls_do_not(wrong: ToolCall, syntax: CallSyntax) -> None:
    assert not accepts(syntax.write([wrong]), syntax)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_calls_are_counted_and_closed(syntax: CallSyntax) -> None:
    written = syntax.write([call(a=1)])
    assert not accepts(syntax.write([call(a=1)] * (syntax.max_calls + 1)), syntax)
    assert not accepts(written + "x", syntax)
    assert not any(accepts(written[:end], syntax, "required") for end in range(len(written)))


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_a_choice_is_honoured(syntax: CallSyntax) -> None:
    words, written = syntax.answer_opening + "hello, {world}\n你好", syntax.write([call(a=1)])
    assert [accepts(words, syntax, choice) for choice in ("auto", "required", "none")] == [True, False, True]
    assert [accepts(written, syntax, choice) for choice in ("auto", "required", "none")] == [True, True, False]
    assert not accepts(syntax.answer_opening, syntax)


@pytest.mark.parametrize("syntax", [HERMES, MISTRAL], ids=lambda syntax: syntax.name)
def test_text_may_come_before_a_call_but_holds_no_mark_of_one(syntax: CallSyntax) -> None:
    assert accepts("I look: " + syntax.write([call(a=1)]), syntax)
    assert not accepts(f"I look: {syntax.mark} hello", syntax)
    assert accepts(f"I look: {syntax.mark[:-2]} hello", syntax)


def test_who_has_said_no_to_tools_cannot_write_a_call_after_all() -> None:
    assert not accepts(OWN.answer_opening + 'So: <tool_call>{"name"', OWN)
    assert not accepts(OWN.answer_opening + "So: <tool>yes</tool>", OWN)
    assert not accepts(OWN.answer_opening + "So: <tool_call_result>", OWN)
    assert accepts(OWN.answer_opening + "So: <tool_", OWN)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_an_answer_keeps_to_its_own_constraint(syntax: CallSyntax) -> None:
    answer = Constraint("json_schema", json.dumps({"type": "object", "properties": {"x": {"type": "boolean"}}}))
    assert accepts(syntax.answer_opening + '{"x":true}', syntax, "auto", answer)
    assert not accepts(syntax.answer_opening + "hello", syntax, "auto", answer)
    assert not accepts("I look: " + syntax.write([call(a=1)]), syntax, "auto", answer)
    assert accepts(syntax.write([call(a=1)]), syntax, "auto", answer)


def test_an_answer_may_be_a_grammar_with_parts_after_free_text() -> None:
    part = Constraint("choice", ("yes", "no"))
    answer = Constraint("grammar", 'start: "so " @word', after="</think>", parts=(("word", part),))
    assert accepts("hello</think>so yes", HERMES, "auto", answer)
    assert accepts("hello</think>" + HERMES.write([call(a=1)]), HERMES, "auto", answer)
    assert not accepts("so yes", HERMES, "auto", answer)


def test_objects_that_list_properties_take_no_others_at_any_depth() -> None:
    inner = {"type": "object", "properties": {"x": {}}}
    free = {"type": "object"}
    schema = {"properties": {"one": inner, "many": {"type": "array", "items": inner}, "free": free}}
    source = arguments_constraint(ToolSpec(name="t", description="", parameters=schema)).source
    assert isinstance(source, str)
    properties = json.loads(source)["properties"]
    assert json.loads(source)["additionalProperties"] is False
    assert properties["one"]["additionalProperties"] is properties["many"]["items"]["additionalProperties"] is False
    assert properties["free"] == free


QUESTION = (Message(role="user", content="hi"),)


@pytest.mark.parametrize(
    ("names", "match"),
    [
        (["a", "a"], "Two tools are named 'a'"),
        ([""], "1 to 64"),
        (["a b"], "'a b'"),
        ([".a"], "begins"),
        (["a" * 65], "1 to 64"),
        ([f"t{idx}" for idx in range(MAX_TOOLS + 1)], "at most 128"),
    ],
)
def test_tools_that_cannot_be_told_apart_are_refused(names: list[str], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        check_asked(QUESTION, [ToolSpec(name=name, description="") for name in names], "auto")


def test_parameters_are_an_object() -> None:
    with pytest.raises(ValueError, match=r"'t' have the type 'array'"):
        check_asked(QUESTION, [ToolSpec(name="t", description="", parameters={"type": "array"})], "auto")
    looped: dict[str, object] = {}
    looped["properties"] = {"again": looped}
    with pytest.raises(ValueError, match="'t' are not plain JSON data"):
        arguments_constraint(ToolSpec(name="t", description="", parameters=looped))
