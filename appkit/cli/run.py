"""`appkit run "prompt"`: one question, one answer, made for pipes."""

import os
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appkit.cli.options import (
    DEFAULT_MODEL,
    AdapterOption,
    JsonOption,
    MaxTokensOption,
    MinPOption,
    ModelOption,
    ParamOption,
    SeedOption,
    StopOption,
    SystemOption,
    TemperatureOption,
    TemplateOption,
    ThreadsOption,
    TopKOption,
    TopPOption,
)
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.messages import Constraint, Message

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def run(
    prompt: Annotated[str | None, typer.Argument(help="What to ask. Text piped in is added after it.")] = None,
    model: ModelOption = DEFAULT_MODEL,
    adapter: AdapterOption = None,
    template: TemplateOption = None,
    param: ParamOption = None,
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

    if raw and system is not None:
        raise ValueError("--raw continues plain text, which has no place for --system: leave one of them out.")
    given: dict[str, Any] = {
        "temperature": temperature,
        "top_p": top_p,
        "top_k": top_k,
        "min_p": min_p,
        "seed": seed,
        "max_tokens": max_tokens,
        "stop": tuple(stop) if stop else None,
        "ignore_eos": ignore_eos or None,
    }
    request = plain_request(prompt, param) if template is None else request_from(template, param or (), prompt)
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = GenerationSettings(**{**request.options, **chosen})  # what is typed goes before what the prompt says
    started = time.perf_counter()
    with open_for_terminal(model, num_threads=threads, adapter=adapter) as llm:
        load_s = time.perf_counter() - started
        shown = request.raw_text() if raw else request.messages_with(system)
        with llm.stream(shown, settings, constraint=request.constraint) as answer:
            if not json:
                print_pieces(answer)
            completion = answer.result()
        if json:
            typer.echo(completion_json(completion, load_s=load_s))


@dataclass(frozen=True, kw_only=True)
class PromptRequest:
    """What to ask: messages, and how a prompt wants them answered."""

    messages: "tuple[Message, ...]"
    options: Mapping[str, Any] = field(default_factory=dict)
    constraint: "Constraint | None" = None

    def raw_text(self) -> str:
        """The only message's text, to be continued. Raises ValueError where there are more."""
        if len(self.messages) != 1:
            raise ValueError(f"--raw continues one text, and the prompt makes {len(self.messages)} messages.")
        return self.messages[0].content

    def messages_with(self, system: str | None) -> "list[Message]":
        """The messages, with `system` in the place of any system message."""
        from appkit.messages import Message

        if system is None:
            return list(self.messages)
        others = [message for message in self.messages if message.role != "system"]
        return [Message(role="system", content=system), *others]


def plain_request(prompt: str | None, param: Sequence[str] | None) -> PromptRequest:
    """What is typed or piped in, as a question. Raises ValueError where there is nothing, or values for no prompt."""
    from appkit.messages import Message

    if param:
        raise ValueError(text("params_without_template"))
    return PromptRequest(messages=(Message(role="user", content=join_prompt(prompt, read_piped())),))


def request_from(name: str, param: Sequence[str], prompt: str | None) -> PromptRequest:
    """What the prompt `name` asks; a question, typed or piped in, is the one text that it still misses."""
    from appkit.cli.params import fill_in, find_template, read_params

    template = find_template(name)
    values = read_params(template, param)
    piped = None if any(each.partition("=")[2] == "@-" for each in param) else read_piped()
    if prompt is not None or piped:
        values = fill_in(template, values, join_prompt(prompt, piped))
    return PromptRequest(
        messages=template.render(**values), options=template.options, constraint=template.constraint(**values)
    )


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
