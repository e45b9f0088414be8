"""`TuneConfig`: everything that a run of fine-tuning is told, as flat options with plain values."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_type_hints

from appkit.tuning.kinds import as_kind

DEFAULT_EPOCHS = 3


@dataclass(frozen=True, kw_only=True)
class TuneConfig:
    """What is learnt, from what, and how. Checks kinds and ranges; what needs the model is checked when a run begins.

    Raises ValueError, naming the option, for a value that cannot be.
    """

    # what is learnt from
    data: str  # a JSON Lines file, or a folder with train.jsonl and, maybe, valid.jsonl
    model: str = "smollm2-135m"  # a catalog name or a model file
    fields: Mapping[str, str] = field(default_factory=dict)  # key of a format → what the file calls it
    max_len: int | None = None  # tokens of an example; None: 1,024, or the model's context
    too_long: Literal["drop", "truncate-left", "truncate-right", "refuse"] = "drop"
    learn: Literal["answers", "all"] = "answers"
    prompts: Literal["chat", "text"] | None = None  # None: as suits the model
    system: str | None = None  # None: what a chat with the model sends
    validation: float | str | None = None  # a share of the lines, or a file
    mix: Mapping[str, float] = field(default_factory=dict)  # file → its share of the lines trained on
    skip_bad: bool = False  # leave out lines at fault, counted and named; else the file is refused
    date: str | None = None  # ISO; what templates that tell the date are told; None: now
    # what is trained
    method: str = "lora"
    rank: int = 8  # of a bottleneck: its width
    alpha: float | None = None  # None: twice the rank
    dropout: float = 0.0
    modules: tuple[str, ...] | None = None  # None: all seven of a layer; of bottlenecks, "attention" and "feed_forward"
    ranks: Mapping[str, int] = field(default_factory=dict)  # module → its own rank
    last_layers: int | None = None  # only the last so many; those below run once an example
    virtual_tokens: int | None = None  # how many prompt and prefix tuning put in front; None: 16
    start_text: str | None = None  # what these begin as, such as an instruction; None: tokens drawn by the seed
    beta: float = 0.1  # of preference pairs: how dear it is to move away from the base model
    # how
    epochs: int = DEFAULT_EPOCHS
    max_steps: int | None = None
    batch_tokens: int | None = None  # tokens run at once; None: at most 1,024, less where data are few
    accumulation: int = 1  # such batches to a step
    learning_rate: float | None = None  # the peak; None: by method and size of the model
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warmup_share: float = 0.05
    max_grad_norm: float = 1.0
    weight_decay: float = 0.0
    seed: int = 0  # of the split, the mix, the order, the start of the adapter and dropout
    eval_every: int | None = None  # steps; None: up to ten times a run
    save_every: int = 10  # steps between checkpoints
    keep: Literal["last", "best"] = "last"  # the adapter of the last step, or of the lowest loss on the validation set
    # what it costs
    quantized: bool = False  # leave the weights quantised: less memory, more time (QLoRA)
    checkpoint_activations: bool = False  # less memory, about a third more time
    dtype: Literal["bfloat16", "float32"] = (
        "bfloat16"  # of the frozen weights and of the products; the adapter is float32
    )

    def __post_init__(self) -> None:
        for name in _HINTS:
            object.__setattr__(self, name, checked(name, getattr(self, name)))
        if self.keep == "best" and self.validation is None:
            raise ValueError("keep is 'best', which a validation set decides: set `validation` too, as in 0.1.")

    def as_mapping(self) -> dict[str, Any]:
        """Every option, as JSON and YAML have values."""
        return {name: _plain(getattr(self, name)) for name in _HINTS}


def config_of(options: Mapping[str, Any]) -> TuneConfig:
    """A `TuneConfig` of options by name.

    Raises:
        ValueError: an option that there is not, with the ones like it; a value that cannot be; no `data`.
    """
    kept = {name: checked(name, value) for name, value in options.items()}
    if kept.get("data") is None:
        raise ValueError(
            "There is nothing to learn from: name a JSON Lines file (DATA, or `data` in a file of options)."
        )
    return TuneConfig(**kept)


def checked(name: str, value: Any) -> Any:
    """The value as `TuneConfig` keeps it. Raises ValueError where there is no such option, or for what it cannot be."""
    if name not in _HINTS:
        near = difflib.get_close_matches(str(name)[:100], _HINTS, n=2, cutoff=0.6)
        known = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(_HINTS)}."
        raise ValueError(f"There is no option {str(name)[:100]!r}; {known}")
    try:
        kept = as_kind(value, _HINTS[name])
    except ValueError as error:
        raise ValueError(f"{name} is {value!r}; give {error}.") from None
    if kept == ():
        raise ValueError(f"{name} is empty; leave it out to take what is usual.")
    if name in _LEAST and kept is not None and kept < _LEAST[name]:
        raise ValueError(f"{name} is {value}; it must be {_LEAST[name]} or more.")
    return kept


def differences(one: TuneConfig, other: TuneConfig) -> list[str]:
    """Names of options in which they differ."""
    return [name for name in _HINTS if getattr(one, name) != getattr(other, name)]


_HINTS: dict[str, Any] = get_type_hints(TuneConfig)
_LEAST: dict[str, float] = {
    **dict.fromkeys(
        ("rank", "last_layers", "virtual_tokens", "epochs", "max_steps", "accumulation", "eval_every", "save_every"), 1
    ),
    **dict.fromkeys(("max_len", "batch_tokens"), 2),
    **dict.fromkeys(("seed", "dropout", "warmup_share", "weight_decay"), 0),
}
assert set(_HINTS) == {known.name for known in fields(TuneConfig)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return dict(value) if isinstance(value, Mapping) else value
