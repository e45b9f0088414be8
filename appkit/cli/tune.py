"""`appkit tune`: fine-tune a model on your own data. Each command has a file of its own."""

import typer

from appkit.cli.tune_plan import plan
from appkit.cli.tune_preview import preview
from appkit.cli.tune_run import run

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Fine-tune a model on your own data.",
)


@app.callback()
def tune() -> None:
    """A callback keeps a command one of several, also while there is no other."""


app.command()(preview)
app.command()(plan)
app.command()(run)
