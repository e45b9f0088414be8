"""`--adapter` of `appkit run`, `chat` and `ask`."""

from pathlib import Path

import pytest

from tests.appkit.cli.command import SCRIPTED, CommandHere, one_sentence
from tests.helpers.tiny_adapter import write_tiny_adapter
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

GREEDY = ("--temperature", "0", "--max-tokens", "12")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "tiny.gguf"
    return write_tiny_model(path, metadata={"tokenizer.chat_template": CHAT_TEMPLATE})


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_adapter(base, tmp_path_factory.mktemp("adapters") / "one")


@pytest.fixture
def appkit_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandHere:
    return CommandHere(monkeypatch, capsys)


def test_run_and_chat_answer_with_it(appkit_here: CommandHere, base: Path, adapter: Path, tmp_path: Path) -> None:
    plain = appkit_here("run", "hi there", "-m", str(base), *GREEDY, home=tmp_path)
    adapted = appkit_here("run", "hi there", "-m", str(base), "--adapter", str(adapter), *GREEDY, home=tmp_path)
    assert (plain.returncode, adapted.returncode) == (0, 0)
    assert plain.stdout != adapted.stdout
    chat = ("chat", "-m", str(base), "--adapter", str(adapter), "--no-log", *GREEDY)
    done = appkit_here(*chat, home=tmp_path, stdin="hi there\n")
    assert done.stdout.strip() == adapted.stdout.strip()


def test_a_folder_that_is_no_adapter_is_one_sentence(appkit_here: CommandHere, base: Path, tmp_path: Path) -> None:
    done = appkit_here("run", "hi", "-m", str(base), "--adapter", str(tmp_path), home=tmp_path)
    assert "has no adapter_config.json" in one_sentence(done)


def test_a_model_behind_a_server_takes_none(appkit_here: CommandHere, adapter: Path, tmp_path: Path) -> None:
    done = appkit_here("run", "hi", "-m", SCRIPTED, "--adapter", str(adapter), home=tmp_path)
    assert "Leave the adapter out" in one_sentence(done)


@pytest.mark.parametrize("command", [("ask", "{folder}", "why?"), ("chat", "--docs", "{folder}")])
def test_quoting_sentences_takes_none(
    appkit_here: CommandHere, command: tuple[str, ...], adapter: Path, tmp_path: Path
) -> None:
    arguments = [part.format(folder=tmp_path) for part in command]
    done = appkit_here(*arguments, "--adapter", str(adapter), home=tmp_path)
    assert "name the model" in one_sentence(done)
