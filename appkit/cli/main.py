"""The `appkit` command: finds commands when they are asked for, and turns errors into one sentence.

Commands of other packages come in through the entry-point group `appkit.commands`, each a `typer.Typer`.
"""

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any, NoReturn, TextIO, cast

import typer
from typer.core import TyperGroup

from appkit.cli.texts import text

_BUILT_IN = {
    "run": "appkit.cli.run",
    "chat": "appkit.cli.chat",
    "logs": "appkit.cli.logs",
    "explain": "appkit.cli.explain",
    "ask": "appkit.cli.ask",
    "extract": "appkit.cli.extract",
    "index": "appkit.cli.index",
    "agent": "appkit.cli.agent",
    "trace": "appkit.cli.trace",
    "tune": "appkit.cli.tune",
    "mcp": "appkit.cli.mcp_server",
    "models": "appkit.cli.models",
    "adapters": "appkit.cli.adapters",
    "prompts": "appkit.cli.prompts",
    "doctor": "appkit.cli.doctor",
}
_PLUG_INS = "appkit.commands"


class LazyGroup(TyperGroup):
    """Imports a command's module when the command is run or listed, not before."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update(cast(Any, dict.fromkeys(_BUILT_IN)))  # names to suggest after a typing error

    def list_commands(self, ctx: Any) -> list[str]:
        return [*_BUILT_IN, *sorted(set(_plug_ins()) - set(_BUILT_IN))]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in _BUILT_IN:
            app = import_module(_BUILT_IN[cmd_name]).app
        elif cmd_name in (plug_ins := _plug_ins()):
            app = _load_plug_in(cmd_name, plug_ins[cmd_name])
        else:
            return None
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command


app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def appkit(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Chat, documents and agents on a model runtime of its own. Everything stays on this machine."""
    if version:
        from appkit import __version__

        typer.echo(f"appkit {__version__}")
        raise typer.Exit
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit status: 0, 1 for an error, 2 for wrong usage, 130 after Ctrl-C."""

    def command() -> None:
        _require_own_runtime(sys.argv[1:] if args is None else args)
        typer.main.get_command(app).main(args=args, prog_name="appkit")

    guarded(command)


def guarded(command: Callable[[], None]) -> NoReturn:
    """Run `command` and leave the process; errors that a user can mend become one sentence, whatever raised them."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character is no reason to fail
    warnings.showwarning = _show_warning
    try:
        command()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None or os.environ.get("APPKIT_DEBUG"):
            raise
        sys.stderr.write(text("error", message=sentence) + "\n")
        sys.exit(1)
    sys.exit(0)


def _require_own_runtime(args: list[str]) -> None:
    from appkit import require_own_runtime

    if args[:1] != ["doctor"]:  # the doctor says more about it
        require_own_runtime()


def sentence_of(error: Exception) -> str | None:
    """What to tell a user about `error` on one line; None for a mistake of ours, which deserves its traceback."""
    from appkit.errors import AppkitError

    known: tuple[type[Exception], ...] = (AppkitError, ValueError, OSError, ImportError, MemoryError)
    if not isinstance(error, ImportError):
        from runtime.errors import ModelRuntimeError

        known = (*known, ModelRuntimeError)
    if not isinstance(error, known):
        return None
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}."
    return " ".join(str(error).split()) or type(error).__name__


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Notices are for the person at the terminal; other warnings are for developers, as Python shows them."""
    from appkit.llm.notices import ModelNotice

    if issubclass(category, ModelNotice):
        words = text("note", message=message)
        if sys.stderr.isatty():
            from appkit.cli.columns import wrapped

            words = wrapped(words, shutil.get_terminal_size().columns)
        sys.stderr.write(words + "\n")
    elif os.environ.get("APPKIT_DEBUG"):
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def _plug_ins() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=_PLUG_INS)}


def _load_plug_in(name: str, point: Any) -> typer.Typer:
    """The plug-in's app, or, where it cannot be loaded, one that says so when run: it must not hide the others."""
    try:
        loaded = point.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    else:
        if isinstance(loaded, typer.Typer):
            return loaded
        reason = f"{point.value} is a {type(loaded).__name__}, not a typer.Typer"
    broken = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

    @broken.command(help=f"(cannot be loaded: {reason})", context_settings={"ignore_unknown_options": True})
    def fail(args: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        raise ImportError(f"The command {name!r} comes from {point.value} and cannot be loaded: {reason}")

    return broken


if __name__ == "__main__":
    main()
