"""The command finds its commands late and turns errors into one sentence."""

import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import appkit as package
from appkit.cli import main
from tests.appkit.cli.command import appkit, environment, one_sentence


def test_version_and_help(tmp_path: Path) -> None:
    assert appkit("--version", home=tmp_path).stdout == f"appkit {package.__version__}\n"
    help_text = appkit(home=tmp_path)
    assert help_text.returncode == 0
    for command in ("run", "chat", "models", "doctor"):
        assert f"  {command} " in help_text.stdout


@pytest.mark.parametrize("command", ["run", "chat", "doctor"])
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(main.app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_a_typing_error_gets_a_suggestion_and_status_two(tmp_path: Path) -> None:
    done = appkit("chta", home=tmp_path)
    assert done.returncode == 2
    assert "Did you mean 'chat'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_loads_neither_the_runtime_s_engine_nor_torch(tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['appkit', '--help']\nfrom appkit.cli.main import main\ntry: main()\n"
    code += "except SystemExit: print([m for m in ('torch', 'runtime.engine.engine', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(tmp_path))
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize("args", [["chat", "--help"], ["logs", "--help"], ["logs", "list"]])
def test_commands_that_need_no_model_load_nothing_heavy(args: list[str], tmp_path: Path) -> None:
    heavy = ("torch", "numpy", "httpx", "jinja2", "yaml", "rich", "markdown_it", "prompt_toolkit", "rjieba")
    code = f"import sys\nfrom appkit.cli.main import main\ntry: main({args!r})\n"
    code += f"except SystemExit: print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(tmp_path))
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    done = appkit("run", "-m", "no-such-model", "hi", home=tmp_path, APPKIT_DEBUG="1")
    assert "Traceback" in done.stderr


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m appkit run hi -m 'scripted:{'x' * 100_000}' | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment(tmp_path))
    assert (done.stdout, done.stderr) == ("x" * 10, "")


def test_a_terminal_that_cannot_show_a_character_is_no_error(tmp_path: Path) -> None:
    done = appkit("run", "hi", "-m", "scripted:h好", home=tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout) == (0, "h?\n")


def test_sentences_are_chinese_where_the_locale_asks_for_it(tmp_path: Path) -> None:
    done = appkit("run", home=tmp_path, LC_ALL="zh_CN.UTF-8")
    assert one_sentence(done).startswith("错误：没有提示词")


def test_a_foreign_runtime_is_one_sentence_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "foreign_runtime", lambda: "/elsewhere/runtime.py")
    with pytest.raises(SystemExit) as left:
        main.main(["run", "hi"])
    assert left.value.code == 1


def _entry_point(value: str) -> EntryPoint:
    return EntryPoint(name="extra", value=value, group="appkit.commands")


plug_in = typer.Typer()


@plug_in.command()
def _say() -> None:
    """A command from elsewhere."""
    typer.echo("from elsewhere")


def test_a_plug_in_is_listed_and_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "_plug_ins", lambda: {"extra": _entry_point(f"{__name__}:plug_in")})
    assert "A command from elsewhere" in CliRunner().invoke(main.app, ["--help"]).output
    assert CliRunner().invoke(main.app, ["extra"]).output == "from elsewhere\n"


@pytest.mark.parametrize("value", ["no_such_module:app", f"{__name__}:_entry_point"])
def test_a_broken_plug_in_hides_nothing_and_says_why(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "_plug_ins", lambda: {"extra": _entry_point(value)})
    assert "cannot be loaded" in CliRunner().invoke(main.app, ["--help"]).output
    error = CliRunner().invoke(main.app, ["extra"]).exception
    assert isinstance(error, ImportError)
    assert value in str(error)
