"""`appkit prompts` and `appkit run -t`: prompts found, shown, rendered, written and tested."""

import json
from pathlib import Path

import pytest

from tests.appkit.cli.command import CommandHere, appkit, one_sentence
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

PROMPT = """---
purpose: Labels a text.
version: 3
language: en
variables:
  text: {type: str, about: What to label.}
  labels: {type: "list[str]", default: [yes, no]}
options: {max_tokens: 7, stop: ["\\n"]}
output: {choice: labels}
tests:
  - name: a case
    variables: {text: hello}
    expect: {one_of: [yes, no]}
---
=== system
Say {{ labels | join(" or ") }}.
=== user
{{ text }}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with one prompt of the user's own, my/label.en."""
    write(tmp_path, "my/label.en", PROMPT)
    return tmp_path


def write(home: Path, name: str, source: str) -> Path:
    path = home / "prompts" / f"{name}.prompt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    return path


def test_the_list_has_own_and_shipped_ones_and_says_what_is_broken(home: Path, appkit_here: CommandHere) -> None:
    write(home, "bad", "---\npurpos: x\n---\n")
    rows = {row["name"]: row for row in json.loads(appkit_here("prompts", "list", "--json", home=home).stdout)}
    assert rows["my/label.en"] == {
        "name": "my/label.en",
        "purpose": "Labels a text.",
        "language": "en",
        "version": 3,
        "path": str(home / "prompts" / "my" / "label.en.prompt"),
        "is_own": True,
        "error": None,
    }
    assert rows["rag/answer.zh"]["is_own"] is False
    assert "'purpos'" in rows["bad"]["error"]
    lines = appkit_here("prompts", "list", home=home).stdout.splitlines()
    assert any(line.split(maxsplit=2) == ["my/label.en", "yours", "Labels a text."] for line in lines)
    assert any(line.startswith("bad") and "cannot be read" in line for line in lines)


def test_a_prompt_is_shown_with_where_it_is(home: Path, appkit_here: CommandHere) -> None:
    shown = appkit_here("prompts", "show", "my/label.en", home=home).stdout
    assert str(home / "prompts" / "my" / "label.en.prompt") in shown
    assert 'labels (list[str]), else ["yes", "no"]' in shown
    assert shown.endswith("=== user\n{{ text }}\n")
    facts = json.loads(appkit_here("prompts", "show", "my/label.en", "--json", home=home).stdout)
    assert facts["source"] == PROMPT
    assert facts["options"] == {"max_tokens": 7, "stop": ["\n"]}


def test_control_characters_of_a_prompt_do_not_reach_the_terminal(home: Path, appkit_here: CommandHere) -> None:
    write(home, "evil", '---\npurpose: "\\e]0;owned\\a"\n---\n\x1b[2J{{ 1 }}')
    assert "\x1b" not in appkit_here("prompts", "show", "evil", home=home).stdout
    assert "\x1b" not in appkit_here("prompts", "list", home=home).stdout


def test_rendering_shows_every_message_and_asks_no_model(home: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("prompts", "render", "my/label.en", "-p", "text={{ x }} 你好", home=home)
    assert done.stdout == "=== system\nSay yes or no.\n=== user\n{{ x }} 你好\n"
    args = ("prompts", "render", "my/label.en", "-p", "text=t", "-p", "labels=a", "-p", "labels=b", "--json")
    assert json.loads(appkit_here(*args, home=home).stdout) == {
        "messages": [{"role": "system", "content": "Say a or b."}, {"role": "user", "content": "t"}],
        "options": {"max_tokens": 7, "stop": ["\n"]},
        "constraint": {"kind": "choice", "source": ["a", "b"]},
    }


def test_rendering_for_a_model_counts_its_tokens(home: Path, appkit_here: CommandHere) -> None:
    path = write_tiny_model(home / "tiny.gguf")
    args = ("prompts", "render", "my/label.en", "-p", "text=t", "-m", str(path))
    report = json.loads(appkit_here(*args, "--json", home=home).stdout)
    assert report["is_exact"] is True
    assert report["num_tokens"] > len(report["messages"])
    assert f"{report['num_tokens']:,} tokens of" in appkit_here(*args, home=home).stderr


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ((), "'text' (What to label) was not given"),
        (("text",), "gives no value"),
        (("text=a", "txt=b"), "no variable txt; it has: text, labels"),
        (("text=a", "text=b"), "more than once"),
        (("text=@none",), "No such file"),
        (("text=@",), "names no file"),
        (("text=a", 'labels=[1, "a"]'), "has the int 1 as item 0"),
    ],
)
def test_a_wrong_parameter_is_one_sentence(
    params: tuple[str, ...], words: str, home: Path, appkit_here: CommandHere
) -> None:
    given = [arg for param in params for arg in ("-p", param)]
    assert words in one_sentence(appkit_here("prompts", "render", "my/label.en", *given, home=home))


def test_a_new_prompt_works_and_is_never_written_over(tmp_path: Path, appkit_here: CommandHere) -> None:
    for name in ("letters/reply.en", "letters/reply.zh"):
        assert appkit_here("prompts", "new", name, home=tmp_path).returncode == 0
        made = appkit_here("prompts", "render", name, "-p", "word=两本书", home=tmp_path)
        assert "两本书" in made.stdout
    path = tmp_path / "prompts" / "letters" / "reply.en.prompt"
    path.write_text("mine")
    assert "is there already" in one_sentence(appkit_here("prompts", "new", "letters/reply.en", home=tmp_path))
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["../out", "partials/x", "a b"])
def test_a_new_prompt_stays_in_its_folder(name: str, tmp_path: Path, appkit_here: CommandHere) -> None:
    assert "cannot be a prompt's name" in one_sentence(appkit_here("prompts", "new", name, home=tmp_path))
    assert list(tmp_path.rglob("*.prompt")) == []


def test_an_editor_is_not_started_without_a_terminal(tmp_path: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("prompts", "new", "x", "--edit", home=tmp_path, EDITOR="touch /tmp/never")
    assert "--edit needs a terminal" in one_sentence(done)
    assert list(tmp_path.rglob("*.prompt")) == []


def test_cases_run_on_a_model_and_a_failure_is_the_exit_status(tmp_path: Path, appkit_here: CommandHere) -> None:
    source = (
        "---\nvariables: {a: {type: str}}\ntests:\n  - name: one\n    variables: {a: x}\n    expect: {contains: [Hi]}\n"
    )
    write(
        tmp_path, "my/a", source + "  - name: two\n    variables: {a: y}\n    expect: {contains: [Bye]}\n---\n{{ a }}"
    )
    write(tmp_path, "my/broken", "---\nx: 1\n---\n")
    passed = appkit_here("prompts", "test", "my/a", "-m", "scripted:Hi|Bye", home=tmp_path)
    assert passed.returncode == 0
    assert passed.stdout.splitlines()[-1] == "Cases run on scripted:Hi|Bye: 2; failed: 0."
    failed = appkit_here("prompts", "test", "my", "-m", "scripted:Hi|Hi|Hi", "--json", home=tmp_path)
    assert failed.returncode == 1
    results = json.loads(failed.stdout)
    assert [(each["prompt"], each["case"], each["passed"], each["text"]) for each in results] == [
        ("my/a", "one", True, "Hi"),
        ("my/a", "two", False, "Hi"),
        ("my/broken", "", False, None),
    ]
    assert results[1]["faults"] == ["It does not contain 'Bye'."]


def test_a_constraint_that_the_model_lacks_fails_the_case_with_a_reason(home: Path, appkit_here: CommandHere) -> None:
    write(home, "my/label.en", PROMPT.replace("{text: hello}", "{txt: hello}"))
    done = appkit_here("prompts", "test", "my/label.en", "-m", "scripted:yes", "--json", home=home)
    assert done.returncode == 1
    assert "no variable 'txt'" in json.loads(done.stdout)[0]["faults"][0]


def test_prompts_without_cases_are_no_success(tmp_path: Path, appkit_here: CommandHere) -> None:
    write(tmp_path, "x", "---\npurpose: x\n---\nhi")
    assert "has a test case" in one_sentence(appkit_here("prompts", "test", "x", "-m", "scripted:a", home=tmp_path))


def test_a_prompt_that_is_not_there_is_one_sentence(tmp_path: Path, appkit_here: CommandHere) -> None:
    for command in ("show", "render", "test"):
        done = appkit_here("prompts", command, "rag/answr.en", home=tmp_path)
        assert "there is rag/answer.en" in one_sentence(done)


def test_run_asks_what_the_template_says(home: Path) -> None:
    shown = "system: Say yes or no.\nuser: 你好\nassistant: "
    for args, stdin in [(("-p", "text=你好"), None), (("-p", "text=@-"), "你好\n"), (("你好",), None), ((), "你好\n")]:
        done = appkit("run", "-t", "my/label.en", *args, "-m", "scripted:yes", "--json", home=home, stdin=stdin)
        report = json.loads(done.stdout)
        assert (report["text"], report["usage"]["prompt_tokens"]) == ("yes", len(shown)), (args, done.stderr)


def test_the_templates_options_apply_and_typed_ones_win(home: Path, appkit_here: CommandHere) -> None:
    write(home, "plain", "---\nvariables: {q: {type: str}}\noptions: {max_tokens: 4}\n---\n{{ q }}")
    assert appkit_here("run", "-t", "plain", "hi", "-m", "scripted:Hello there", home=home).stdout == "Hell\n"
    typed = appkit_here("run", "-t", "plain", "hi", "-m", "scripted:Hello there", "--max-tokens", "2", home=home)
    assert typed.stdout == "He\n"


def test_the_templates_constraint_holds_a_model(home: Path, appkit_here: CommandHere) -> None:
    path = write_tiny_model(home / "tiny.gguf", metadata={"tokenizer.chat_template": CHAT_TEMPLATE})
    done = appkit_here("run", "-t", "my/label.en", "-p", "text=t", "-m", str(path), "--seed", "1", home=home)
    assert done.stdout in ("yes\n", "no\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("-p", "a=b", "hi"), "name it with -t"),
        (("-t", "my/label.en", "-p", "text=a", "hi"), "no place for a question"),
        (("-t", "my/label.en", "hi", "--raw"), "makes 2 messages"),
        (("-t", "nobody", "hi"), "There is no prompt nobody"),
        (("-t", "none.prompt", "hi"), "is not a file"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(
    args: tuple[str, ...], words: str, home: Path, appkit_here: CommandHere
) -> None:
    assert words in one_sentence(appkit_here("run", *args, "-m", "scripted:x", home=home))


def test_a_chinese_terminal_is_answered_in_chinese(home: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("prompts", "render", "my/label.en", "-p", "x=1", home=home, LANG="zh_CN.UTF-8")
    assert "没有变量 x" in one_sentence(done)
    assert "变量：text（str）" in appkit_here("prompts", "show", "my/label.en", home=home, LANG="zh_CN.UTF-8").stdout
