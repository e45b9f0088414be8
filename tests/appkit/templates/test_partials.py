"""Prompts include pieces of their own root, and nothing else."""

import os
from pathlib import Path

import pytest

from appkit import TemplateError
from appkit.templates import Prompt, load_prompt
from appkit.templates.partials import MAX_PARTIALS


def prompt(root: Path, body: str, **partials: str) -> Prompt:
    (root / "partials").mkdir(exist_ok=True)
    for name, text in partials.items():
        (root / "partials" / f"{name}.prompt").write_text(text)
    (root / "a").mkdir(exist_ok=True)
    (root / "a" / "b.prompt").write_text(f"---\nvariables: {{x: {{type: str, default: X}}}}\n---\n{body}")
    return load_prompt("a/b", roots=[root])


def test_a_partial_stands_where_it_is_included_and_sees_the_variables(tmp_path: Path) -> None:
    body = "<{% include 'partials/one' %}>\n{% from 'partials/two' import shout %}{{ shout(x) }}"
    made = prompt(tmp_path, body, one="1 {{ x }}\n", two="{% macro shout(t) %}{{ t }}!{% endmacro %}")
    assert made.text(x="{{ x }}") == "<1 {{ x }}>\n{{ x }}!"


def test_partials_include_partials(tmp_path: Path) -> None:
    made = prompt(tmp_path, "{% include 'partials/one' %}", one="({% include 'partials/two' %})", two="{{ x }}")
    assert made.text() == "(X)"


def test_what_one_render_assigns_the_next_does_not_see(tmp_path: Path) -> None:
    counter = "{% set n = namespace(v=0) %}{% macro up() %}{% set n.v = n.v + 1 %}{{ n.v }}{% endmacro %}"
    made = prompt(tmp_path, "{% import 'partials/c' as c %}{{ c.up() }}{{ c.up() }}", c=counter)
    assert [made.text(), made.text()] == ["12", "12"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("partials/none", "there is no .*none.prompt"),
        ("a/b", "only 'partials/…'"),
        ("../partials/one", "only 'partials/…'"),
        ("partials/../a/b", "not in its folder"),
        ("partials//one", "not in its folder"),
        ("/etc/passwd", "only 'partials/…'"),
        ("partials/.hidden", "not in its folder"),
        ("partials", "only 'partials/…'"),
        ("", "only 'partials/…'"),
    ],
)
def test_nothing_else_can_be_included(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=words) as caught:
        prompt(tmp_path, f"\n{{% include '{name}' %}}", one="1").render()
    assert "line 5" in str(caught.value)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    made = prompt(tmp_path, "{% include 'partials/link' %}")
    (tmp_path / "partials" / "link.prompt").symlink_to(secret)
    with pytest.raises(TemplateError, match="symbolic link"):
        made.render()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    made = prompt(tmp_path, "{% include 'partials/pipe' %}")
    os.mkfifo(tmp_path / "partials" / "pipe.prompt")
    with pytest.raises(TemplateError, match="is not a file"):
        made.render()


@pytest.mark.parametrize(
    "statement",
    ["{% include x %}", "{% include ['partials/one'] %}", "{% include 'partials/' ~ x %}", "{% import x as y %}"],
)
def test_a_name_that_is_not_written_out_is_refused(statement: str, tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="named by one text in quotes"):
        prompt(tmp_path, statement, one="1").render()


def test_a_circle_is_named(tmp_path: Path) -> None:
    made = prompt(
        tmp_path, "{% include 'partials/a' %}", a="{% include 'partials/b' %}", b="{% include 'partials/a' %}"
    )
    with pytest.raises(TemplateError, match="partials/a includes partials/b includes partials/a, without end"):
        made.render()


def test_too_many_and_too_large_ones_are_refused(tmp_path: Path) -> None:
    many = {f"p{idx}": "" for idx in range(MAX_PARTIALS + 1)}
    made = prompt(tmp_path, "".join(f"{{% include 'partials/{name}' %}}" for name in many), **many)
    with pytest.raises(TemplateError, match=f"more than {MAX_PARTIALS} partials"):
        made.render()
    with pytest.raises(TemplateError, match="larger than"):
        prompt(tmp_path, "{% include 'partials/big' %}", big="x" * 70_000).render()


def test_a_fault_in_a_partial_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="in line 2 of 'partials/one': 'nobody' is undefined"):
        prompt(tmp_path, "{% include 'partials/one' %}", one="\n{{ nobody }}").render()
    with pytest.raises(TemplateError, match="cannot be read in line 1 of 'partials/two'"):
        prompt(tmp_path, "{% include 'partials/two' %}", two="{% if %}").render()


def test_a_prompt_that_is_no_file_has_no_partials() -> None:
    with pytest.raises(TemplateError, match="a prompt that is no file has no partials"):
        Prompt.from_text("{% include 'partials/one' %}").render()
