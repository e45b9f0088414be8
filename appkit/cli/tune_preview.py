"""`appkit tune preview DATA -m MODEL`: what a model would learn from a file, token by token, before it is trained."""

from typing import Annotated

import typer

from appkit.cli.open_model import with_models
from appkit.cli.options import DEFAULT_MODEL, JsonOption, ModelOption
from appkit.cli.texts import text
from appkit.cli.tune_options import (
    DataArgument,
    DataSeedOption,
    FieldsOption,
    LearnOption,
    MaxLenOption,
    MixOption,
    PromptsOption,
    TooLongOption,
    TrainSystemOption,
    ValidationOption,
    data_settings,
)


def preview(
    data: DataArgument,
    model: ModelOption = DEFAULT_MODEL,
    fields: FieldsOption = None,
    max_len: MaxLenOption = None,
    too_long: TooLongOption = "drop",
    learn: LearnOption = "answers",
    prompts: PromptsOption = None,
    system: TrainSystemOption = None,
    validation: ValidationOption = None,
    mix: MixOption = None,
    seed: DataSeedOption = 0,
    examples: Annotated[int, typer.Option("-n", "--examples", min=0, max=1000, help="How many to show.")] = 2,
    line: Annotated[int | None, typer.Option(min=1, help="Show the example of this line, whole.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what would be learnt: tokens with the loss mask, lengths, duplicates, and lines at fault.

    Leaves with status 1 where training would refuse the file for lines at fault.
    """
    from appkit.cli.tune_report import preview_json, print_preview
    from appkit.llm.training_encoding import training_encoding
    from runtime import load_model_text, prepare_data

    if model.startswith("openai:"):
        raise ValueError(text("tune_needs_weights", model=model))
    opened = with_models(lambda: load_model_text(model))
    template, encoding = training_encoding(
        opened, max_len=max_len, supervise=learn, too_long=too_long, prompts=prompts, system=system
    )
    settings = data_settings(encoding, fields=fields, validation=validation, mix=mix or (), seed=seed, skip_bad=True)
    prepared = prepare_data(data, opened.tokenizer, template, settings)
    shown = prepared.lines[:examples]
    if line is not None:
        shown = tuple(encoded for encoded in prepared.lines if encoded.line_number == line)
        if not shown:
            raise ValueError(text("tune_no_line", path=data, line=line))
    if as_json:
        from appkit.cli.printable import json_text

        typer.echo(json_text(preview_json(prepared, shown, opened.tokenizer)))
    else:
        print_preview(prepared, shown, opened, encoding, is_whole=line is not None)
    if any(report.bad for report in prepared.reports):
        raise typer.Exit(1)
