"""Options that several commands share, each defined once."""

from pathlib import Path
from typing import Annotated

import typer

from appkit.llm.open import DEFAULT_MODEL

ModelOption = Annotated[
    str, typer.Option("-m", "--model", help="A catalog name, a model file, hf:… or openai:http://host/v1#model.")
]
SystemOption = Annotated[str | None, typer.Option("-s", "--system", help="System message, instead of the tested one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, one line an answer.")]
TemperatureOption = Annotated[float | None, typer.Option(min=0, max=100, help="0 always takes the likeliest token.")]
TopPOption = Annotated[float | None, typer.Option(min=0, max=1, help="Keep the likeliest tokens up to this mass.")]
TopKOption = Annotated[int | None, typer.Option(min=0, help="Keep this many likeliest tokens; 0 keeps all.")]
MinPOption = Annotated[float | None, typer.Option(min=0, max=1, help="Keep tokens this likely next to the likeliest.")]
SeedOption = Annotated[int | None, typer.Option(min=0, help="The same seed draws the same answer.")]
MaxTokensOption = Annotated[int | None, typer.Option(min=1, help="End the answer after this many tokens.")]
StopOption = Annotated[list[str] | None, typer.Option(help="End the answer before this text; may be repeated.")]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Threads to compute with; else what this process may use.")
]
AdapterOption = Annotated[
    Path | None, typer.Option("--adapter", metavar="FOLDER", help="Answer with the adapter in this folder.")
]
TemplateOption = Annotated[str | None, typer.Option("-t", "--template", help="A prompt by name, or a .prompt file.")]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("-p", "--param", metavar="NAME=VALUE", help="A value for the prompt; @file or @- reads it."),
]
FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder of documents.")]
LimitOption = Annotated[int, typer.Option("-n", "--limit", min=1, max=1000, help="How many passages to find.")]
FilterOption = Annotated[
    str | None, typer.Option(help="Which documents to search, as in: language = 'zh' and source like 'manuals/%'.")
]

__all__ = ["DEFAULT_MODEL"]
