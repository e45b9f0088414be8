"""A prompt says how it is answered, and that becomes a constraint."""

import json

import pytest

from appkit import Constraint, TemplateError
from appkit.templates import Prompt


def prompt(output: str) -> Prompt:
    variables = "{labels: {type: 'list[str]'}, schema: {type: any, default: {}}, text: {type: str, default: x}}"
    return Prompt.from_text(f"---\nvariables: {variables}\noutput: {output}\n---\n")


@pytest.mark.parametrize(
    ("output", "constraint"),
    [
        ("text", None),
        ("{regex: '[0-9]+'}", Constraint("regex", "[0-9]+")),
        ("{choice: [a, 好]}", Constraint("choice", ("a", "好"))),
        ("{grammar: 'start: \"a\"'}", Constraint("grammar", 'start: "a"')),
    ],
)
def test_a_form_that_is_written_out_needs_no_values(output: str, constraint: Constraint | None) -> None:
    assert prompt(output).constraint() == constraint


def test_a_schema_becomes_json() -> None:
    constraint = prompt("{json_schema: {type: object, properties: {名: {type: string}}}}").constraint()
    assert constraint is not None
    assert isinstance(constraint.source, str)
    assert json.loads(constraint.source) == {"type": "object", "properties": {"名": {"type": "string"}}}


def test_a_name_refers_to_a_variable() -> None:
    assert prompt("{choice: labels}").constraint(labels=["a", "b"]) == Constraint("choice", ("a", "b"))
    by_name = prompt("{json_schema: schema}").constraint(labels=[], schema={"type": "integer"})
    assert by_name == Constraint("json_schema", '{"type": "integer"}')


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "'labels' was not given"),
        ({"labels": []}, "'labels', which says what may be answered, is empty"),
        ({"labels": ["a", "a"]}, "holds 'a' twice"),
        ({"labels": ["a", ""]}, "empty text"),
        ({"labels": "ab"}, "is the str 'ab'"),
        ({"labels": ["a"], "label": 1}, "no variable 'label'"),
    ],
)
def test_a_list_that_offers_no_choice_is_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        prompt("{choice: labels}").constraint(**values)
    assert caught.value.variable in ("labels", "label")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("json", "output is 'json'; write text, or one of"),
        ("{regex: a, choice: [b]}", "write text, or one of"),
        ("{xml: a}", "of kind 'xml'"),
        ("{regex: 3}", "has the regex 3"),
        ("{regex: ''}", "has the regex ''"),
        ("{choice: []}", "is empty"),
        ("{choice: [1]}", "has the int 1"),
        ("{choice: text}", r"name a variable of type list\[str\]"),
        ("{choice: nobody}", "'nobody'; name a variable"),
        ("{json_schema: labels}", "name a variable of type any"),
        ("{json_schema: [a]}", "give a JSON Schema object"),
    ],
)
def test_a_form_that_is_none_is_refused_with_its_line(output: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        prompt(output)
    assert "line 3" in str(caught.value)
