"""`appkit trace`: look at what a run wrote down."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, help="Look at what a run wrote down."
)


@app.callback()
def trace() -> None:
    """A callback keeps `show` a command of its own, also while there is no other."""


@app.command()
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What --trace wrote.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Show what happened, step by step. A trace whose writer was killed is shown as far as it goes."""
    from appkit.cli.trace_report import print_trace, trace_json
    from appkit.trace import read_trace

    read = read_trace(file)
    if as_json:
        from appkit.cli.printable import json_text

        typer.echo(json_text(trace_json(read)))
    else:
        print_trace(read)
