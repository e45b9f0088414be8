"""What can be trained: a method a line. Nothing here imports torch before an adapter is made."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from appkit.tuning.config import TuneConfig

if TYPE_CHECKING:
    from runtime import AdapterWeights, FrozenDecoder, LoraSettings, TrainableAdapter, TrainableLora


@dataclass(frozen=True, kw_only=True)
class Method:
    """How one kind of adapter is made of options, and leaves training."""

    check: Callable[[TuneConfig], object]  # raises ValueError for options that it cannot take
    make: "Callable[[FrozenDecoder, TuneConfig], TrainableAdapter]"
    weights: "Callable[[TrainableAdapter], AdapterWeights]"  # as inference and files know it
    file_options: Callable[[TuneConfig], Mapping[str, Any]] = field(default=lambda config: {})  # of `write_peft`


def find_method(name: str) -> Method:
    """Raises ValueError for a name that is not in the table."""
    if name in METHODS:
        return METHODS[name]
    near = difflib.get_close_matches(name[:100], METHODS, n=1)
    known = f"did you mean {near[0]}?" if near else f"there are {', '.join(METHODS)}."
    raise ValueError(f"There is no method {name[:100]!r}; {known}")


def _lora_settings(config: TuneConfig) -> "LoraSettings":
    from runtime import LoraSettings

    return LoraSettings(
        rank=config.rank,
        alpha=config.alpha,
        use_rslora=config.method == "rslora",
        dropout=config.dropout,
        ranks=config.ranks,
        last_layers=config.last_layers,
        seed=config.seed,
        **({} if config.modules is None else {"modules": config.modules}),
    )


def _lora(decoder: "FrozenDecoder", config: TuneConfig) -> "TrainableAdapter":
    from runtime import TrainableLora

    return TrainableLora(decoder, _lora_settings(config))


def _lora_weights(adapter: "TrainableAdapter") -> "AdapterWeights":
    return cast("TrainableLora", adapter).to_lora_weights()


def _lora_file_options(config: TuneConfig) -> Mapping[str, Any]:
    return {"use_rslora": config.method == "rslora", "dropout": config.dropout}


_LORA = Method(check=_lora_settings, make=_lora, weights=_lora_weights, file_options=_lora_file_options)

METHODS: Mapping[str, Method] = {
    "lora": _LORA,
    "rslora": _LORA,
}
