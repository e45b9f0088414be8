"""Whatever a user gets wrong about a model, `appkit` answers with one sentence and no traceback."""

import json
from pathlib import Path

import pytest

from tests.appkit.cli.command import appkit, one_sentence
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

COMMANDS = (["run", "hi"], ["chat"])


def whole(folder: Path) -> bytes:
    return write_tiny_model(folder / "whole.gguf").read_bytes()


def tiny_chat_model(folder: Path) -> str:
    return str(write_tiny_model(folder / "tiny.gguf", metadata={"tokenizer.chat_template": CHAT_TEMPLATE}))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "not GGUF", "a folder"])
def test_a_file_that_is_no_model_is_one_sentence_that_names_it(kind: str, command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "some.gguf"
    if kind == "empty":
        path.touch()
    elif kind == "truncated":
        path.write_bytes(whole(tmp_path)[:-1000])
    elif kind == "not GGUF":
        path.write_bytes(b"PK\x03\x04" + b"\0" * 4096)
    elif kind == "a folder":
        path.mkdir()
    done = appkit(*command, "-m", str(path), home=tmp_path, stdin="hi\n")
    assert "some.gguf" in one_sentence(done)


def test_a_prompt_longer_than_the_context_names_both_numbers(tmp_path: Path) -> None:
    done = appkit("run", "-m", tiny_chat_model(tmp_path), "--raw", home=tmp_path, stdin="x" * 5000)
    sentence = one_sentence(done)
    assert "5,000" in sentence
    assert "512" in sentence


def test_a_message_longer_than_the_context_names_both_numbers_and_the_way_out(tmp_path: Path) -> None:
    lines = f"hi\n{'x' * 5000}\n"
    done = appkit("chat", "-m", tiny_chat_model(tmp_path), "--max-tokens", "2", home=tmp_path, stdin=lines)
    assert done.returncode == 1
    sentence = done.stderr.splitlines()[-1]
    assert "5,0" in sentence
    assert "512" in sentence
    assert "shorten question" in sentence


def test_without_a_network_a_model_cannot_be_pulled_and_the_way_out_is_said(tmp_path: Path) -> None:
    assert "appkit models import" in one_sentence(appkit("models", "pull", "smollm2-135m", home=tmp_path))


def test_a_base_model_in_chat_says_what_it_is_and_answers(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "base.gguf")
    done = appkit("chat", "-m", str(path), "--max-tokens", "3", "--json", home=tmp_path, stdin="hi\n")
    assert done.returncode == 0
    assert done.stderr.startswith("Note: base is a base model")
    assert len(done.stderr.splitlines()) == 1
    assert json.loads(done.stdout)["usage"]["completion_tokens"] > 0


def test_an_embedder_cannot_chat(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "bert.gguf", "bert")
    assert "turns texts into vectors" in one_sentence(appkit("chat", "-m", str(path), home=tmp_path, stdin="hi\n"))


def test_chinese_to_an_english_model_is_one_line_that_names_the_way_out() -> None:
    home = real_model("smollm2-135m").parents[2]
    done = appkit("chat", "--max-tokens", "2", home=home, stdin="你好吗？\n你好吗？\n")
    assert done.returncode == 0
    notes = done.stderr.splitlines()
    assert len(notes) == 1
    assert "appkit models recommend --language zh" in notes[0]


def test_run_and_chat_on_the_cpu_never_import_torch(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.appkit.cli.command import environment

    code = (
        "import sys\nfrom appkit.cli.main import main\n"
        f"try: main(['run', 'hi', '-m', {tiny_chat_model(tmp_path)!r}, '--max-tokens', '2'])\n"
        "except SystemExit as left: assert not left.code, left.code\n"
        "print()\nprint([name for name in ('torch', 'transformers', 'sentence_transformers') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, env=environment(tmp_path)
    )
    assert done.stdout.decode(errors="replace").splitlines()[-1] == "[]", done.stderr
