"""What can be trained: a method a line. Nothing here imports torch before an adapter is made."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from appkit.tuning.config import TuneConfig

if TYPE_CHECKING:
    from runtime import (
        AdapterWeights,
        BottleneckSettings,
        FrozenDecoder,
        LoraSettings,
        Tokenizer,
        TrainableAdapter,
        TrainableBottleneck,
        TrainableLora,
        TrainablePrefix,
        TrainableSoftPrompt,
        VirtualTokenSettings,
    )


@dataclass(frozen=True, kw_only=True)
class Method:
    """How one kind of adapter is made of options, and leaves training."""

    check: Callable[[TuneConfig], object]  # raises ValueError for options that it cannot take
    make: "Callable[[FrozenDecoder, TuneConfig, Tokenizer], TrainableAdapter]"
    weights: "Callable[[TrainableAdapter], AdapterWeights]"  # as inference and files know it
    file_options: Callable[[TuneConfig], Mapping[str, Any]] = field(default=lambda config: {})  # of `write_peft`
    can_merge: bool = False  # into the matrices of the model


def find_method(name: str) -> Method:
    """Raises ValueError for a name that is not in the table."""
    if name in METHODS:
        return METHODS[name]
    near = difflib.get_close_matches(name[:100], METHODS, n=1)
    known = f"did you mean {near[0]}?" if near else f"there are {', '.join(METHODS)}."
    raise ValueError(f"There is no method {name[:100]!r}; {known}")


def _lora_settings(config: TuneConfig) -> "LoraSettings":
    from runtime import LoraSettings

    _refuse(config, _OF_VIRTUAL_TOKENS, "is of virtual tokens, which the methods prompt-tuning and prefix-tuning have")
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


def _lora(decoder: "FrozenDecoder", config: TuneConfig, tokenizer: "Tokenizer") -> "TrainableAdapter":
    from runtime import TrainableLora

    return TrainableLora(decoder, _lora_settings(config))


def _lora_weights(adapter: "TrainableAdapter") -> "AdapterWeights":
    return cast("TrainableLora", adapter).to_lora_weights()


def _lora_file_options(config: TuneConfig) -> Mapping[str, Any]:
    return {"use_rslora": config.method == "rslora", "dropout": config.dropout}


def _dora(decoder: "FrozenDecoder", config: TuneConfig, tokenizer: "Tokenizer") -> "TrainableAdapter":
    from runtime import TrainableDora

    return TrainableDora(decoder, _lora_settings(config))


def _bottleneck_settings(config: TuneConfig) -> "BottleneckSettings":
    from runtime import BottleneckSettings

    _refuse(
        config,
        ("alpha", "dropout", "ranks"),
        "is of low-rank adapters; a bottleneck has a rank, its width, and no more",
    )
    _refuse(config, _OF_VIRTUAL_TOKENS, "is of virtual tokens, which the methods prompt-tuning and prefix-tuning have")
    places = {} if config.modules is None else {"places": cast(Any, config.modules)}
    return BottleneckSettings(size=config.rank, last_layers=config.last_layers, seed=config.seed, **places)


def _bottleneck(decoder: "FrozenDecoder", config: TuneConfig, tokenizer: "Tokenizer") -> "TrainableAdapter":
    from runtime import TrainableBottleneck

    return TrainableBottleneck(decoder, _bottleneck_settings(config))


def _bottleneck_weights(adapter: "TrainableAdapter") -> "AdapterWeights":
    return cast("TrainableBottleneck", adapter).to_bottleneck_weights()


def _virtual_token_settings(config: TuneConfig, tokenizer: "Tokenizer | None" = None) -> "VirtualTokenSettings":
    """Without a tokenizer all but the text is checked."""
    from runtime import VirtualTokenSettings

    _refuse(
        config,
        ("rank", "alpha", "dropout", "ranks", "modules", "last_layers"),
        "says how matrices or layers are changed; virtual tokens change none, and have virtual_tokens and start_text",
    )
    if config.start_text is not None and not config.start_text.strip():
        raise ValueError("start_text is empty; leave it out to begin at tokens drawn by the seed.")
    start_ids: tuple[int, ...] = ()
    if tokenizer is not None and config.start_text is not None:
        start_ids = tuple(tokenizer.encode(config.start_text, add_special=True))
    num_tokens = config.virtual_tokens or VirtualTokenSettings.num_tokens
    return VirtualTokenSettings(num_tokens=num_tokens, start_ids=start_ids, seed=config.seed)


def _soft_prompt(decoder: "FrozenDecoder", config: TuneConfig, tokenizer: "Tokenizer") -> "TrainableAdapter":
    from runtime import TrainableSoftPrompt

    return TrainableSoftPrompt(decoder, _virtual_token_settings(config, tokenizer))


def _soft_prompt_weights(adapter: "TrainableAdapter") -> "AdapterWeights":
    return cast("TrainableSoftPrompt", adapter).to_soft_prompt_weights()


def _prefix(decoder: "FrozenDecoder", config: TuneConfig, tokenizer: "Tokenizer") -> "TrainableAdapter":
    from runtime import TrainablePrefix

    return TrainablePrefix(decoder, _virtual_token_settings(config, tokenizer))


def _prefix_weights(adapter: "TrainableAdapter") -> "AdapterWeights":
    return cast("TrainablePrefix", adapter).to_prefix_weights()


def _refuse(config: TuneConfig, names: Sequence[str], reason: str) -> None:
    """Raise ValueError for an option that was set and belongs to other methods."""
    usual = TuneConfig(data=config.data)
    for name in names:
        if getattr(config, name) != getattr(usual, name):
            raise ValueError(f"{name} {reason}.")


_OF_VIRTUAL_TOKENS = ("virtual_tokens", "start_text")
_LORA = Method(check=_lora_settings, make=_lora, weights=_lora_weights, file_options=_lora_file_options, can_merge=True)

METHODS: Mapping[str, Method] = {
    "lora": _LORA,
    "rslora": _LORA,
    "dora": replace(_LORA, make=_dora),
    "bottleneck": Method(check=_bottleneck_settings, make=_bottleneck, weights=_bottleneck_weights),
    "prompt-tuning": Method(check=_virtual_token_settings, make=_soft_prompt, weights=_soft_prompt_weights),
    "prefix-tuning": Method(check=_virtual_token_settings, make=_prefix, weights=_prefix_weights),
}
