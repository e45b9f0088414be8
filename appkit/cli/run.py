"""`appkit run "prompt"`: one question, one answer, made for pipes."""

import os
import stat
import sys
import time
from typing import Annotated

import typer

from appkit.cli.options import (
    DEFAULT_MODEL,
    JsonOption,
    MaxTokensOption,
    MinPOption,
    ModelOption,
    SeedOption,
    StopOption,
    SystemOption,
    TemperatureOption,
    ThreadsOption,
    TopKOption,
    TopPOption,
)
from appkit.cli.texts import text

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    prompt: Annotated[str | None, typer.Argument(help="What to ask. Text piped in is added after it.")] = None,
    model: ModelOption = DEFAULT_MODEL,
    system: SystemOption = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Continue the prompt as plain text, without chat template.")
    ] = False,
    ignore_eos: Annotated[bool, typer.Option("--ignore-eos", help="Go on where the model would end.")] = False,
    temperature: TemperatureOption = None,
    top_p: TopPOption = None,
    top_k: TopKOption = None,
    min_p: MinPOption = None,
    seed: SeedOption = None,
    max_tokens: MaxTokensOption = None,
    stop: StopOption = None,
    threads: ThreadsOption = None,
    json: JsonOption = False,
) -> None:
    """Ask one question and print the answer as it comes."""
    from appkit.cli.open_model import open_for_terminal
    from appkit.cli.report import completion_json, print_pieces
    from appkit.llm.base import GenerationSettings
    from appkit.messages import Message

    if raw and system is not None:
        raise ValueError("--raw continues plain text, which has no place for --system: leave one of them out.")
    question = join_prompt(prompt, read_piped())
    settings = GenerationSettings(
        temperature=temperature,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        seed=seed,
        max_tokens=max_tokens,
        stop=tuple(stop or ()),
        ignore_eos=ignore_eos,
    )
    started = time.perf_counter()
    with open_for_terminal(model, num_threads=threads) as llm:
        load_s = time.perf_counter() - started
        messages = [] if system is None else [Message(role="system", content=system)]
        messages.append(Message(role="user", content=question))
        with llm.stream(question if raw else messages, settings) as answer:
            if not json:
                print_pieces(answer)
            completion = answer.result()
        if json:
            typer.echo(completion_json(completion, load_s=load_s))


def join_prompt(prompt: str | None, piped: str | None) -> str:
    """The prompt with the piped text after it, a blank line between. Raises ValueError where both are missing."""
    parts = [part for part in (prompt, piped) if part]
    if not parts:
        raise ValueError(text("prompt_missing"))
    return "\n\n".join(parts)


def read_piped() -> str | None:
    """Text on standard input, its last line break aside; None at a terminal or where nothing is connected.

    Raises:
        ValueError: bytes that are not UTF-8.
    """
    try:
        mode = stat.S_IFMT(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):  # closed, or replaced by an object that is no file
        return None
    if mode not in (stat.S_IFIFO, stat.S_IFREG, stat.S_IFSOCK):
        return None
    data = sys.stdin.buffer.read()
    try:
        return data.decode("utf-8").removesuffix("\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"Standard input is not UTF-8 text: byte 0x{data[error.start]:02x} at offset {error.start:,} begins no "
            "character. Convert it first, as in: iconv -f GB18030 -t UTF-8"
        ) from error
