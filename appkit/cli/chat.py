"""`appkit chat`: a conversation at the terminal, or line by line from a pipe."""

import sys

import typer

from appkit.cli.options import (
    DEFAULT_MODEL,
    JsonOption,
    MaxTokensOption,
    ModelOption,
    SeedOption,
    SystemOption,
    TemperatureOption,
    ThreadsOption,
)

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def chat(
    model: ModelOption = DEFAULT_MODEL,
    system: SystemOption = None,
    temperature: TemperatureOption = None,
    seed: SeedOption = None,
    max_tokens: MaxTokensOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Talk with a model. Lines piped in are turns, one answer each."""
    from appkit.chat import Chat
    from appkit.cli.chat_loop import ChatLoop, PipedLines, TerminalLines
    from appkit.cli.open_model import open_for_terminal
    from appkit.cli.texts import text
    from appkit.llm.base import GenerationSettings

    settings = GenerationSettings(temperature=temperature, seed=seed, max_tokens=max_tokens)
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not json
    with open_for_terminal(model, num_threads=threads) as llm, Chat(llm, system=system, settings=settings) as talk:
        if at_terminal:
            typer.echo(text("chat_banner", model=llm.name, max_seq_len=llm.max_seq_len))
        lines = TerminalLines() if at_terminal else PipedLines(sys.stdin)
        ChatLoop(talk, lines, json=json).run()
