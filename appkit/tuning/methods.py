"""What can be trained: a method a line. Nothing here imports torch before an adapter is made."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from appkit.tuning.config import TuneConfig

if TYPE_CHECKING:
    from runtime import (
        AdapterWeights,
        BottleneckSettings,
        FrozenDecoder,
        LoraSettings,
        TrainableAdapter,
        TrainableBottleneck,
        TrainableLora,
    )


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


def _dora(decoder: "FrozenDecoder", config: TuneConfig) -> "TrainableAdapter":
    from runtime import TrainableDora

    return TrainableDora(decoder, _lora_settings(config))


def _bottleneck_settings(config: TuneConfig) -> "BottleneckSettings":
    from runtime import BottleneckSettings

    strays = [
        name
        for name, is_set in (("alpha", config.alpha), ("dropout", config.dropout), ("ranks", config.ranks))
        if is_set
    ]
    if strays:
        raise ValueError(f"{strays[0]} is of low-rank adapters; a bottleneck has a rank, its width, and no more.")
    places = {} if config.modules is None else {"places": cast(Any, config.modules)}
    return BottleneckSettings(size=config.rank, last_layers=config.last_layers, seed=config.seed, **places)


def _bottleneck(decoder: "FrozenDecoder", config: TuneConfig) -> "TrainableAdapter":
    from runtime import TrainableBottleneck

    return TrainableBottleneck(decoder, _bottleneck_settings(config))


def _bottleneck_weights(adapter: "TrainableAdapter") -> "AdapterWeights":
    return cast("TrainableBottleneck", adapter).to_bottleneck_weights()


_LORA = Method(check=_lora_settings, make=_lora, weights=_lora_weights, file_options=_lora_file_options)

METHODS: Mapping[str, Method] = {
    "lora": _LORA,
    "rslora": _LORA,
    "dora": replace(_LORA, make=_dora),
    "bottleneck": Method(check=_bottleneck_settings, make=_bottleneck, weights=_bottleneck_weights),
}
