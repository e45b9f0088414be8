"""A test case says what is wrong with an answer, and is itself checked when it is read."""

from typing import Any

import pytest

from appkit import TemplateError
from appkit.templates import Prompt, PromptCase


@pytest.mark.parametrize(
    ("expected", "text", "faults"),
    [
        ({"contains": ("a", "好")}, "a 好", []),
        ({"contains": ("a", "b", "c")}, "a", ["It does not contain 'b'.", "It does not contain 'c'."]),
        ({"not_contains": ("x",)}, "a x", ["It contains 'x'."]),
        ({"matches": r"\d{2}$"}, "number 42", []),
        ({"matches": r"^\d+$"}, "number 42", [r"It does not match '^\\d+$'."]),
        ({"max_characters": 3}, "你好吗", []),
        ({"max_characters": 3}, "four", ["It has 4 characters; at most 3 were expected."]),
        ({"one_of": ("yes", "no")}, " yes\n", []),
        ({"one_of": ("yes", "no")}, "yes!", ["It is none of 'yes', 'no'."]),
    ],
)
def test_an_answer_is_held_to_each_expectation(expected: dict[str, Any], text: str, faults: list[str]) -> None:
    assert PromptCase(name="c", variables={}, **expected).check(text) == faults


def test_cases_are_read_as_they_are_written() -> None:
    (case,) = Prompt.from_text(
        "---\ntests:\n  - name: one\n    variables: {a: [1, {b: 2}]}\n"
        "    expect: {contains: [x], max_characters: 9}\n---\n"
    ).tests
    assert case.variables == {"a": [1, {"b": 2}]}
    assert (case.name, case.contains, case.max_characters, case.matches) == ("one", ("x",), 9, None)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("{name: a, variables: {}}", "expects nothing; give it at least one of contains"),
        ("{name: a, expect: {}}", "expects nothing"),
        ("{name: '', expect: {matches: a}}", "give it a name"),
        ("{name: a, expect: {contain: [a]}}", "expects 'contain'; there are contains"),
        ("{name: a, expect: {contains: a}}", "'contains' of the test 'a' is the str 'a'"),
        ("{name: a, expect: {contains: []}}", "nothing, or an empty text"),
        ("{name: a, expect: {matches: '('}}", "no regular expression"),
        ("{name: a, expect: {max_characters: x}}", "is the str 'x'"),
        ("{name: a, vars: {}, expect: {matches: a}}", "has 'vars'"),
        ("{name: a, variables: [1], expect: {matches: a}}", "has the variables"),
        ("text", "a test is 'text'"),
    ],
)
def test_a_case_that_could_pass_unnoticed_is_refused(case: str, words: str) -> None:
    with pytest.raises(TemplateError, match=words):
        Prompt.from_text(f"---\ntests:\n  - {case}\n---\n")


def test_tests_are_a_list() -> None:
    with pytest.raises(TemplateError, match=r"line 2.*no list"):
        Prompt.from_text("---\ntests: {name: a}\n---\n")
