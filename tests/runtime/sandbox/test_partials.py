"""A template may include what comes with it, and what it includes can be asked before."""

import pytest

from runtime.sandbox import RenderOptions, SandboxError, SandboxSyntaxError, TemplateNames, render, shared_sandbox

PARTIALS = {
    "a": "A{{ x }}",
    "b": "[{% include 'a' %}]",
    "m": "{% macro twice(t) %}{{ t }}{{ t }}{% endmacro %}",
    "fails": "\n{{ 1 / 0 }}",
    "broken": "\n\n{% if %}",
    "looks out": "{% include 'c' %}",
    "reaches": "{{ ''.__class__.__mro__ }}",
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<{% include 'a' %}>", "<A1>"),
        ("{% include 'b' %}{% include 'b' %}", "[A1][A1]"),
        ("{% import 'm' as m %}{{ m.twice(x) }}", "11"),
        ("{% from 'm' import twice as t %}{{ t('{{') }}", "{{{{"),
        ("{% for x in [7, 8] %}{% include 'a' %}{% endfor %}", "A7A8"),
    ],
)
def test_what_comes_with_a_template_can_be_included(source: str, text: str) -> None:
    assert render(source, {"x": 1}, partials=PARTIALS) == text


@pytest.mark.parametrize("helpers", ["none", "chat"])
@pytest.mark.parametrize(
    "source", ["{% include 'a' %}", "{% import 'a' as a %}", "{% extends 'a' %}", "{% include x %}"]
)
def test_without_partials_nothing_can(source: str, helpers: str) -> None:
    with pytest.raises(SandboxSyntaxError, match=r"may not (include|extend)"):
        render(source, {"x": "a"}, options=RenderOptions(helpers="chat" if helpers == "chat" else "none"))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% include 'c' %}", "no 'c' to include"),
        ("{% include 'c' ignore missing %}", "no 'c' to include"),
        ("{% include x %}", "by one text in quotes"),
        ("{% include ['c', 'a'] %}", "by one text in quotes"),
        ("{% import 'a' ~ x as y %}", "by one text in quotes"),
        ("{% extends 'a' %}", "may not extend"),
        ("{% include 'looks out' %}", "no 'c' to include"),
    ],
)
def test_nothing_else_can_be_included(source: str, words: str) -> None:
    with pytest.raises(SandboxSyntaxError, match=words):
        render(source, {"x": "a"}, partials=PARTIALS)


@pytest.mark.parametrize(("name", "line"), [("fails", 2), ("broken", 3), ("reaches", 1)])
def test_an_error_names_the_partial_and_its_line(name: str, line: int) -> None:
    with pytest.raises(SandboxError) as caught:
        render(f"\n\n\n{{% include '{name}' %}}", {}, partials=PARTIALS, options=RenderOptions(strict=True))
    assert (caught.value.partial, caught.value.line) == (name, line)
    assert f"line {line} of {name!r}" in str(caught.value)
    assert "line" not in caught.value.reason


def test_the_same_template_with_other_partials_is_another_template() -> None:
    assert [render("{% include 'p' %}", {}, partials={"p": text}) for text in ("1", "2", "1")] == ["1", "2", "1"]


def test_a_circle_of_partials_is_stopped() -> None:
    with pytest.raises(SandboxError, match="too deeply"):
        render("{% include 'p' %}", {}, partials={"p": "{% include 'p' %}"})


def test_names_are_told_with_their_lines() -> None:
    source = (
        "{{ a }}{% set b = 1 %}\n{{ b }}{% for c in d %}{{ c }}{% endfor %}{% include 'p' %}\n{% import 'q' as a %}"
    )
    assert shared_sandbox().names(source) == TemplateNames(variables={"a": 1, "d": 2}, templates={"p": 2, "q": 3})


@pytest.mark.parametrize("source", ["{% block a %}{% endblock %}", "{% extends 'a' %}", "{% include a %}", "{% if %}"])
def test_names_refuse_what_cannot_be_included_beforehand(source: str) -> None:
    with pytest.raises(SandboxSyntaxError):
        shared_sandbox().names(source)
