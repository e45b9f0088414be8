"""Examples come from a file beside the prompt or from the caller, and stand before the message that follows."""

from pathlib import Path
from typing import Any

import pytest

from appkit import Message, TemplateError
from appkit.templates import Prompt

PROMPT = """---
variables:
  text: {type: str}
  labels: {type: "list[str]", default: [a, b]}
examples: own.jsonl
---
=== system
{{ labels | join(" or ") }}?
=== example.user
{{ text }} ({{ labels | join("/") }})
=== example.assistant
{{ answer }}
=== user
{{ text }}
"""
OWN = '{"text": "一", "answer": "a"}\n\n{"text": "{{ x }}", "answer": "=== user"}\n'


def prompt(folder: Path, own: str | bytes = OWN) -> Prompt:
    (folder / "own.jsonl").write_bytes(own if isinstance(own, bytes) else own.encode())
    (folder / "p.prompt").write_text(PROMPT)
    return Prompt.from_file(folder / "p.prompt")


def contents(messages: tuple[Message, ...]) -> list[str]:
    return [f"{message.role}: {message.content}" for message in messages]


def test_the_prompts_own_examples_are_shown(tmp_path: Path) -> None:
    assert contents(prompt(tmp_path).render(text="q")) == [
        "system: a or b?",
        "user: 一 (a/b)",
        "assistant: a",
        "user: {{ x }} (a/b)",
        "assistant: === user",
        "user: q",
    ]


def test_given_ones_take_their_place_and_share_what_they_do_not_give(tmp_path: Path) -> None:
    made = prompt(tmp_path)
    assert contents(made.render(examples=(), text="q", labels=["c"])) == ["system: c?", "user: q"]
    given = [{"text": "1", "answer": 5}]
    assert contents(made.render(examples=given, text="q", labels=["c"]))[1:3] == ["user: 1 (c)", "assistant: 5"]


def test_what_some_examples_give_has_its_default_in_the_others(tmp_path: Path) -> None:
    given = [{"text": "1", "answer": "x", "labels": ["d"]}, {"text": "2", "answer": "y"}]
    shown = contents(prompt(tmp_path).render(examples=given, text="q", labels=["c"]))
    assert shown == ["system: c?", "user: 1 (d)", "assistant: x", "user: 2 (a/b)", "assistant: y", "user: q"]


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ([{"text": "a"}], "example 1 has no 'answer'"),
        ([{"text": "a", "answer": "b", "id": 3}], "example 1 has 'id'; the prompt takes: text, labels, answer"),
        ([{"text": 1, "answer": "b"}], "'text' of example 1 is the int 1"),
        ([{"text": "a", "answer": object()}], "the 'answer' of example 1 holds"),
        ([{"text": "a", "answer": "b"}, {"answer": "b"}], "example 2 lacks 'text', which has no default"),
        ([{"answer": "b"}, {"text": "a", "answer": "b"}], "example 1 lacks 'text', which has no default"),
    ],
)
def test_an_example_that_does_not_fit_is_refused(examples: list[dict[str, Any]], words: str, tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=words):
        prompt(tmp_path).render(examples=examples, text="q")


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("{", r"line 1 of .*own\.jsonl is no JSON"),
        ("[1]", "write a JSON object"),
        ("[" * 100_000, "no JSON"),
        (b"\xff", "not UTF-8"),
        ("{}\n" * 10_001, "10,001 lines"),
        (" " * (5 << 20), "larger than"),
    ],
)
def test_a_file_that_holds_no_examples_is_refused(own: str | bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=words):
        prompt(tmp_path, own)


@pytest.mark.parametrize("name", ["../own.jsonl", "/etc/own.jsonl", "none.jsonl", "own.txt", "3"])
def test_examples_lie_beside_the_prompt(name: str, tmp_path: Path) -> None:
    prompt(tmp_path)
    path = tmp_path / "q.prompt"
    path.write_text(PROMPT.replace("own.jsonl", name))
    with pytest.raises(TemplateError):
        Prompt.from_file(path)


def test_examples_need_a_place() -> None:
    with pytest.raises(TemplateError, match=r"no '=== example\.user'"):
        Prompt.from_text("{{ a }}").render(examples=[{"a": 1, "answer": 2}], a=1)


def test_answer_is_the_examples_word() -> None:
    variables = "---\nvariables: {answer: {type: str}}\n---\n"
    shows = "=== example.user\na\n=== example.assistant\nb\n=== user\nc"
    with pytest.raises(TemplateError, match="call the variable something else"):
        Prompt.from_text(variables + shows)
    assert Prompt.from_text(variables + "Judge: {{ answer }}").text(answer="x") == "Judge: x"
