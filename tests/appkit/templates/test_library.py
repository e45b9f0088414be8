"""Prompts are found by name: the user's own first, then those that come with the package."""

from pathlib import Path

import pytest

from appkit import TemplateError
from appkit.templates import Prompt, list_prompts, load_prompt
from appkit.templates.library import SHIPPED, user_root


def write(root: Path, name: str, purpose: str = "") -> Path:
    path = root / f"{name}.prompt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\npurpose: {purpose}\n---\nhi\n")
    return path


def test_the_first_root_that_has_a_prompt_wins(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    write(theirs, "a/x.en", "theirs")
    write(theirs, "a/y", "theirs")
    path = write(mine, "a/x.en", "mine")
    prompt = load_prompt("a/x.en", roots=[mine, theirs])
    assert (prompt.purpose, prompt.path, prompt.name, prompt.language) == ("mine", path, "a/x.en", "en")
    assert [(file.name, file.root) for file in list_prompts([mine, theirs])] == [("a/x.en", mine), ("a/y", theirs)]


def test_the_users_own_go_before_the_shipped_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path))
    assert load_prompt("rag/answer.en").path == SHIPPED / "rag" / "answer.en.prompt"
    write(user_root(), "rag/answer.en", "mine")
    assert load_prompt("rag/answer.en").purpose == "mine"
    write(user_root(), "letter")
    assert {"letter", "rag/answer.en", "rag/answer.zh"} <= {file.name for file in list_prompts()}


def test_what_is_no_prompt_is_not_listed(tmp_path: Path) -> None:
    write(tmp_path, "good")
    write(tmp_path, "partials/piece")
    write(tmp_path, ".hidden/x")
    write(tmp_path, "a/b/c/d/too-deep")
    (tmp_path / "link.prompt").symlink_to(tmp_path / "good.prompt")
    (tmp_path / "linked").symlink_to(tmp_path / "partials")
    (tmp_path / "notes.txt").write_text("x")
    assert [file.name for file in list_prompts([tmp_path, tmp_path / "missing"])] == ["good"]


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../b", "", "a//b", "partials/x", "a/b/c/d/e", "a\x00b", "你好"]
)
def test_a_name_never_leads_out(name: str, tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="cannot be a prompt's name"):
        load_prompt(name, roots=[tmp_path])


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "x.prompt").symlink_to(tmp_path / "elsewhere" / "x.prompt")
    with pytest.raises(TemplateError, match="symbolic link"):
        load_prompt("x", roots=[tmp_path / "root"])


@pytest.mark.parametrize("name", ["text/summarise", "summarise.en", "text/sumarise.en"])
def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(name: str, tmp_path: Path) -> None:
    write(tmp_path, "text/summarise.en")
    with pytest.raises(TemplateError, match=r"there is text/summarise\.en") as caught:
        load_prompt(name, roots=[tmp_path])
    assert caught.value.template == name


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"no front matter", "has no front matter"),
        (b"---\n---\n\xff", "not UTF-8 text: byte 0xff at 8"),
        (b"x" * 300_000, "larger than"),
    ],
)
def test_a_file_that_is_no_prompt_is_refused(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.prompt"
    path.write_bytes(data)
    with pytest.raises(TemplateError, match=words):
        Prompt.from_file(path)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"missing\.prompt is not a file"):
        Prompt.from_file(tmp_path / "missing.prompt")
