"""Options that the `tune` commands share: which examples are trained on, and how they are read."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from appkit.cli.texts import text

if TYPE_CHECKING:
    from runtime import DataSettings, EncodingSettings

DataArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="JSON Lines: messages, prompt + completion, instruction + output, conversations, text, or prompt + "
        "chosen + rejected.",
    ),
]
FieldsOption = Annotated[
    str | None,
    typer.Option(
        metavar="FIELD=KEY,…", help="What the file calls its fields, as in prompt=question,completion=answer."
    ),
]
MaxLenOption = Annotated[int | None, typer.Option(min=2, help="The most tokens of an example.")]
TooLongOption = Annotated[
    Literal["drop", "truncate-left", "truncate-right", "refuse"],
    typer.Option(help="What becomes of longer examples: leave out, keep the end, keep the beginning, stop."),
]
LearnOption = Annotated[
    Literal["answers", "all"], typer.Option("--learn", help="Only what the assistant says, or all that is read.")
]
PromptsOption = Annotated[
    Literal["chat", "text"] | None,
    typer.Option(help="Prompt and completion as a turn of a chat, or as bare text; else as suits the model."),
]
TrainSystemOption = Annotated[
    str | None,
    typer.Option("-s", "--system", help="System message where a line has none; else the tested one; '' for none."),
]
ValidationOption = Annotated[
    str | None, typer.Option(metavar="SHARE|FILE", help="Keep this share to validate on, as in 0.1, or use a file.")
]
MixOption = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE=SHARE", help="Mix in general examples, as in general.jsonl=0.1; may be repeated."),
]
DataSeedOption = Annotated[int, typer.Option(min=0, help="Decides what is kept to validate on and what is mixed in.")]


def data_settings(
    encoding: "EncodingSettings",
    *,
    fields: str | None,
    validation: str | None,
    mix: Sequence[str],
    seed: int,
    skip_bad: bool,
) -> "DataSettings":
    """What these options ask for. Raises ValueError for one that cannot be read."""
    from runtime import DataSettings

    return DataSettings(
        encoding=encoding,
        fields=_fields(fields),
        bad_lines="skip" if skip_bad else "refuse",
        validation=_validation(validation),
        mix=tuple(_share_of_file(given) for given in mix),
        seed=seed,
    )


def _fields(given: str | None) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in (given or "").split(",") if pair.strip()]
    if not all(name.strip() and key.strip() for name, _, key in pairs):
        raise ValueError(text("tune_fields_bad", given=given))
    return {name.strip(): key.strip() for name, _, key in pairs}


def _validation(given: str | None) -> float | Path | None:
    """A number is a share, anything else a file."""
    if given is None:
        return None
    try:
        return float(given)
    except ValueError:
        return Path(given)


def _share_of_file(given: str) -> tuple[Path, float]:
    path, _, share = given.rpartition("=")
    try:
        return Path(path), float(share if path else "")
    except ValueError:
        raise ValueError(text("tune_mix_bad", given=given)) from None
