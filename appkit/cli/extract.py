"""`appkit extract FILE --schema "name, age int, tags [str]"`: the fields of a text, as JSON."""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appkit.cli.options import (
    DEFAULT_MODEL,
    AdapterOption,
    JsonOption,
    MaxTokensOption,
    ModelOption,
    SeedOption,
    TemperatureOption,
    TemplateOption,
    ThreadsOption,
)
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.messages import Message

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)
MAX_INPUT_BYTES = 16 << 20
MAX_SCHEMA_BYTES = 256 << 10
MAX_TOKENS = 512
STDIN = "-"


@app.command()
def extract(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text, PDF, Word, HTML, … file; - is standard input.")],
    schema: Annotated[
        str,
        typer.Option(help='The fields, as in "name, age int, tags [str]", or a file.json with a JSON Schema.'),
    ],
    many: Annotated[bool, typer.Option("--many", help="Every such object in the text, as a list.")] = False,
    about: Annotated[str | None, typer.Option(metavar="TEXT", help="What to look for, in your own words.")] = None,
    model: ModelOption = DEFAULT_MODEL,
    adapter: AdapterOption = None,
    template: TemplateOption = None,
    temperature: TemperatureOption = None,
    seed: SeedOption = None,
    max_tokens: MaxTokensOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the fields of a text. What is printed always has the form of the schema; check that it is true."""
    from appkit.cli.open_model import open_for_terminal
    from appkit.cli.printable import json_text
    from appkit.llm.base import GenerationSettings
    from appkit.structured import ask_typed, output_type

    fields = _read_schema(schema)
    wanted = output_type({"type": "array", "items": fields} if many else fields)
    messages, options = _request(_read_text(file), fields, template, about)
    if many:  # the examples of the prompt each give one object
        messages = [
            replace(said, content=f"[{said.content}]") if said.role == "assistant" else said for said in messages
        ]
    given = {"temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    settings = GenerationSettings(
        **{**options, "max_tokens": MAX_TOKENS, **{name: value for name, value in given.items() if value is not None}}
    )
    with open_for_terminal(model, num_threads=threads, adapter=adapter) as llm:
        # A model that is held to the schema reads the fields' names in the prompt; others are shown the schema.
        found = ask_typed(llm, messages, wanted, settings, tell_form="constraint" not in llm.capabilities)
    if found.completion.is_closed_early:
        sys.stderr.write(text("note", message=text("extract_closed_early", limit=settings.max_tokens)) + "\n")
    typer.echo(json_text(found.value) if as_json else _listing(found.value))


def _read_schema(given: str) -> dict[str, Any]:
    """The schema that is spelled out, or that is in the file named. Raises ValueError, and OSError for the file."""
    from appkit.structured import parse_concise_schema

    if not given.endswith(".json"):
        return parse_concise_schema(given)
    with Path(given).open("rb") as opened:
        data = opened.read(MAX_SCHEMA_BYTES + 1)
    if len(data) > MAX_SCHEMA_BYTES:
        raise ValueError(text("extract_too_large", source=given, limit=MAX_SCHEMA_BYTES))
    try:
        schema = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(text("extract_schema_bad", path=given, reason=error)) from error
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict) or not schema["properties"]:
        raise ValueError(text("extract_schema_no_fields"))
    return schema


def _read_text(file: str) -> str:
    """The text of a document or of standard input. Raises ValueError and RetrievalError."""
    if file == STDIN:
        data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        if len(data) > MAX_INPUT_BYTES:
            raise ValueError(text("extract_too_large", source=text("extract_stdin"), limit=MAX_INPUT_BYTES))
        try:
            content = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(text("extract_not_text", offset=error.start)) from error
    else:
        from appkit.retrieval.loaders import load_document

        content = load_document(Path(file), file).text
    if not content.strip():
        raise ValueError(text("extract_empty", source=text("extract_stdin") if file == STDIN else file))
    return content.strip()


def _request(
    content: str, fields: dict[str, Any], template: str | None, about: str | None
) -> "tuple[list[Message], dict[str, Any]]":
    """What to ask and how to sample. A prompt of one's own has the variables `text` and `schema`."""
    from appkit.cli.params import find_template
    from appkit.llm.language import is_chinese

    prompt = find_template(template or ("data/extract.zh" if is_chinese(content) else "data/extract.en"))
    messages = list(prompt.render(text=content, schema=fields))
    if about:
        messages[-1] = replace(messages[-1], content=f"{messages[-1].content}\n{about}")
    return messages, dict(prompt.options)


def _listing(value: Any) -> str:
    """An object a field a line; a list of objects with numbers between."""
    if isinstance(value, list):
        if not value:
            return text("extract_nothing")
        return "\n\n".join(
            f"{text('extract_number', number=number)}\n{_listing(item)}" for number, item in enumerate(value, 1)
        )
    if not isinstance(value, dict):
        return _shown(value)
    return "\n".join(f"{_shown(name)}: {_shown(item)}" for name, item in value.items())


def _shown(value: Any) -> str:
    from appkit.cli.printable import json_text, on_one_line

    if value is None:
        return "-"
    if isinstance(value, str):
        return on_one_line(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(map(_shown, value)) or "-"
    return json_text(value)
