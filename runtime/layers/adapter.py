"""Every kind of adapter that inference may be given, and what is done with each before it runs.

A kind is plain data with a `name` for messages and a `digest`, the SHA-256 of what it does: two adapters with one
digest give the same answers, and keys and values that one computed are not used for another. A decoder hands an adapter
to its backend once (`load_adapter`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from runtime.config import ModelConfig
from runtime.kernels.ops import Backend, Buffer, Weight
from runtime.layers.bottleneck import BottleneckWeights, LoadedBottlenecks, check_bottlenecks_fit, load_bottlenecks
from runtime.layers.lora import LoadedLora, LoraWeights, check_fits, load_lora
from runtime.layers.virtual_tokens import PrefixWeights, SoftPromptWeights, check_virtual_tokens_fit

AdapterWeights = LoraWeights | BottleneckWeights | SoftPromptWeights | PrefixWeights


@dataclass(frozen=True)
class LoadedAdapter:
    """An adapter in one backend's memory: what the layers of a decoder ask for. Empty for the base model."""

    lora: LoadedLora | None = None
    bottlenecks: LoadedBottlenecks = field(default_factory=dict)
    soft_prompt: np.ndarray | None = None  # [P, E] float32
    prefix: tuple[tuple[Buffer, Buffer], ...] = ()  # k, v [P, K, D] of every layer


def load_adapter(
    backend: Backend, adapter: AdapterWeights, config: ModelConfig, linears: Mapping[str, Weight]
) -> LoadedAdapter:
    """Hand an adapter to `backend`. `linears` are the model's matrices by module name.

    Raises:
        AdapterError: an adapter of another model.
    """
    check_adapter_fits(adapter, config, linears)
    if isinstance(adapter, LoraWeights):
        return LoadedAdapter(lora=load_lora(backend, adapter, linears))
    if isinstance(adapter, BottleneckWeights):
        return LoadedAdapter(bottlenecks=load_bottlenecks(backend, adapter))
    if isinstance(adapter, SoftPromptWeights):
        return LoadedAdapter(soft_prompt=adapter.embeddings)
    layers = zip(adapter.keys, adapter.values, strict=True)
    return LoadedAdapter(prefix=tuple((backend.from_numpy(k), backend.from_numpy(v)) for k, v in layers))


def check_adapter_fits(adapter: AdapterWeights, config: ModelConfig, linears: Mapping[str, Weight]) -> None:
    """Hold an adapter against a model. Raises AdapterError."""
    if isinstance(adapter, LoraWeights):
        check_fits(adapter, {name: weight.shape for name, weight in linears.items()})
    elif isinstance(adapter, BottleneckWeights):
        check_bottlenecks_fit(adapter, config)
    else:
        check_virtual_tokens_fit(adapter, config)


def num_virtual_tokens(adapter: AdapterWeights | None) -> int:
    """How many positions at the start of every sequence an adapter takes."""
    return adapter.num_tokens if isinstance(adapter, SoftPromptWeights | PrefixWeights) else 0
