"""`appkit chat`: a conversation at the terminal, or line by line from a pipe."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from appkit.cli.options import (
    DEFAULT_MODEL,
    JsonOption,
    MaxTokensOption,
    SeedOption,
    SystemOption,
    TemperatureOption,
    ThreadsOption,
)
from appkit.cli.texts import text

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def chat(
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help=f"A catalog name, or the path of a model file; {DEFAULT_MODEL} without it. With --docs, sentences are "
            "quoted without it.",
        ),
    ] = None,
    docs: Annotated[
        Path | None, typer.Option("--docs", metavar="FOLDER", help="Ask the documents of this folder.")
    ] = None,
    system: SystemOption = None,
    temperature: TemperatureOption = None,
    seed: SeedOption = None,
    max_tokens: MaxTokensOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Talk with a model, or ask the documents of a folder. Lines piped in are turns, one answer each."""
    from appkit.cli.chat_loop import ChatLoop, PipedLines, TerminalLines

    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not json
    if docs is not None:
        if any(value is not None for value in (system, temperature, seed, max_tokens)):
            raise ValueError(text("docs_without_sampling"))
        _ask_documents(docs, model, threads=threads, at_terminal=at_terminal, json=json)
        return
    from appkit.chat import Chat
    from appkit.cli.open_model import open_for_terminal
    from appkit.llm.base import GenerationSettings

    settings = GenerationSettings(temperature=temperature, seed=seed, max_tokens=max_tokens)
    with (
        open_for_terminal(model or DEFAULT_MODEL, num_threads=threads) as llm,
        Chat(llm, system=system, settings=settings) as talk,
    ):
        if at_terminal:
            typer.echo(text("chat_banner", model=llm.name, max_seq_len=llm.max_seq_len))
        lines = TerminalLines() if at_terminal else PipedLines(sys.stdin)
        ChatLoop(talk, lines, json=json).run()


def _ask_documents(folder: Path, model: str | None, *, threads: int | None, at_terminal: bool, json: bool) -> None:
    from contextlib import ExitStack

    from appkit.cli.chat_loop import PipedLines, TerminalLines
    from appkit.cli.document_loop import DocumentLoop
    from appkit.cli.open_model import open_for_terminal

    with ExitStack() as stack:
        llm = None if model is None else stack.enter_context(open_for_terminal(model, num_threads=threads))
        lines = TerminalLines() if at_terminal else PipedLines(sys.stdin)
        loop = stack.enter_context(DocumentLoop(folder, lines, model=llm, json=json))
        if at_terminal:
            typer.echo(text("docs_banner", folder=folder, documents=loop.num_documents))
        loop.run()
