"""Options that the `tune` commands share: which examples are trained on, how they are read, and how it is done.

A command that trains, or plans to, takes them by `takes_run_options`, named as `TuneConfig` has them;
`config_of_command` then puts what was typed over what a file of options sets.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from appkit.cli.options import DEFAULT_MODEL
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.tuning.config import TuneConfig
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
SkipBadOption = Annotated[
    bool, typer.Option("--skip-bad", help="Leave out lines at fault; else the file is refused for them.")
]

TrainDataArgument = Annotated[
    Path | None,
    typer.Argument(metavar="DATA", help="JSON Lines, or a folder with train.jsonl and valid.jsonl; or in --config."),
]
TrainModelOption = Annotated[str, typer.Option("-m", "--model", help="A catalog name, hf:… or a model file.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Options in YAML or JSON; what is typed here goes before them."),
]
MethodOption = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="What is trained: lora, rslora, dora, bottleneck, prompt-tuning or prefix-tuning."
    ),
]
RankOption = Annotated[int, typer.Option(min=1, help="Rank of the low-rank matrices, or width of a bottleneck.")]
AlphaOption = Annotated[float | None, typer.Option(help="Scale of what they add; else twice the rank.")]
ModulesOption = Annotated[
    str | None, typer.Option(metavar="NAME,…", help="Which matrices are adapted, as in q_proj,v_proj; else all seven.")
]
LastLayersOption = Annotated[
    int | None, typer.Option(min=1, help="Adapt only so many layers at the end: quicker, those below run once a line.")
]
VirtualTokensOption = Annotated[
    int | None, typer.Option(min=1, help="How many prompt-tuning and prefix-tuning put in front; else 16.")
]
StartTextOption = Annotated[
    str | None, typer.Option(help="What virtual tokens begin as, such as an instruction; else drawn by the seed.")
]
EpochsOption = Annotated[int, typer.Option(min=1, help="How often every line is trained on.")]
MaxStepsOption = Annotated[int | None, typer.Option(min=1, help="End after so many steps, whatever the epochs.")]
BatchTokensOption = Annotated[
    int | None, typer.Option(min=2, help="Tokens run at once; else up to 1,024, less for few data.")
]
AccumulationOption = Annotated[int, typer.Option(min=1, help="Such batches to a step.")]
LearningRateOption = Annotated[
    float | None, typer.Option("--learning-rate", "--lr", help="The peak; else by method and size of the model.")
]
TrainSeedOption = Annotated[int, typer.Option(min=0, help="The same seed trains the same adapter.")]
QuantizedOption = Annotated[
    bool, typer.Option("--quantized", help="Leave the weights quantised: less memory, more time (QLoRA).")
]
CheckpointActivationsOption = Annotated[
    bool, typer.Option("--checkpoint-activations", help="Less memory, about a third more time.")
]
EvalEveryOption = Annotated[
    int | None, typer.Option(min=1, help="Steps between evaluations; else up to ten a run. Needs --validation.")
]
SaveEveryOption = Annotated[int, typer.Option(min=1, help="Steps between checkpoints, from which a run goes on.")]
KeepOption = Annotated[
    Literal["last", "best"],
    typer.Option(help="The adapter of the last step, or of the lowest loss on the validation set."),
]


def _run_options(
    data: TrainDataArgument = None,
    model: TrainModelOption = DEFAULT_MODEL,
    config: ConfigOption = None,
    fields: FieldsOption = None,
    max_len: MaxLenOption = None,
    too_long: TooLongOption = "drop",
    learn: LearnOption = "answers",
    prompts: PromptsOption = None,
    system: TrainSystemOption = None,
    validation: ValidationOption = None,
    mix: MixOption = None,
    skip_bad: SkipBadOption = False,
    method: MethodOption = "lora",
    rank: RankOption = 8,
    alpha: AlphaOption = None,
    modules: ModulesOption = None,
    last_layers: LastLayersOption = None,
    virtual_tokens: VirtualTokensOption = None,
    start_text: StartTextOption = None,
    epochs: EpochsOption = 3,
    max_steps: MaxStepsOption = None,
    batch_tokens: BatchTokensOption = None,
    accumulation: AccumulationOption = 1,
    learning_rate: LearningRateOption = None,
    seed: TrainSeedOption = 0,
    quantized: QuantizedOption = False,
    checkpoint_activations: CheckpointActivationsOption = False,
    eval_every: EvalEveryOption = None,
    save_every: SaveEveryOption = 10,
    keep: KeepOption = "last",
) -> None:
    """What describes a run. Defaults are those of `TuneConfig`; they are here for the help, and never read."""


def takes_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with all that describes a run among its options, after its own.

    It is called with its own alone; its context, which it takes as `ctx`, holds the others for `config_of_command`.
    """
    own = dict(inspect.signature(command).parameters)
    data, model, *others = inspect.signature(_run_options).parameters.values()

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        command(**{name: given[name] for name in own})

    shown = [own["ctx"], data, model, *(own[name] for name in own if name != "ctx"), *others]
    parameters = [parameter.replace(kind=parameter.KEYWORD_ONLY) for parameter in shown]
    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return with_options


def config_of_command(ctx: typer.Context) -> "TuneConfig":
    """What a command was told: the options typed, over those of its `--config`, over the defaults.

    Raises:
        ValueError: an option that cannot be, or no data.
        TuningError: the file cannot be read.
    """
    from appkit.tuning.config import TuneConfig, config_of
    from appkit.tuning.config_file import read_options

    config_file: Path | None = ctx.params["config"]
    options = read_options(config_file) if config_file is not None else {}
    known = TuneConfig.__dataclass_fields__
    for name, value in ctx.params.items():
        source = ctx.get_parameter_source(name)
        if name in known and source is not None and source.name != "DEFAULT":
            options[name] = _READ_AS[name](value) if name in _READ_AS else value
    return config_of(options)


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _share_or_path(given: str) -> float | str:
    found = _validation(given)
    return str(found) if isinstance(found, Path) else float(found or 0)


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


_READ_AS: dict[str, Callable[[Any], Any]] = {
    "data": str,
    "fields": _fields,
    "validation": _share_or_path,
    "mix": lambda given: {str(path): share for path, share in map(_share_of_file, given)},
    "modules": _names,
}
