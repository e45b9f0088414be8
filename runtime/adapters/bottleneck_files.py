"""Folders of bottleneck adapters. PEFT has no such kind, so the settings and the names of the tensors are our own.

`adapter_config.json` holds `peft_type` BOTTLENECK and the activation; the tensors are `layers.3.attention.down.weight`
[R, E], `layers.3.attention.down.bias` [R], `layers.3.attention.up.weight` [E, R], `layers.3.attention.up.bias` [E], and
the same with `feed_forward`. Sizes may differ from place to place, and places may be missing.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, get_args

from runtime.adapters.folder import (
    AdapterFolder,
    AdapterSummary,
    FolderContents,
    check_dtype,
    read_array,
    shown,
)
from runtime.config import ModelConfig
from runtime.errors import AdapterError
from runtime.kernels.ops import MatmulActivation
from runtime.layers.bottleneck import BottleneckMatrices, BottleneckWeights, Place
from runtime.loaders.load import Model
from runtime.models.decoder import Decoder

MAX_SIZE = 65_536
_PARTS = {"down.weight": "down", "down.bias": "down_bias", "up.weight": "up", "up.bias": "up_bias"}
_PLACES: dict[str, Place] = {place: place for place in get_args(Place)}
_KEY = re.compile(rf"layers\.(\d{{1,5}})\.({'|'.join(_PLACES)})\.({'|'.join(map(re.escape, _PARTS))})", re.ASCII)
_KNOWN = {"peft_type", "task_type", "inference_mode", "base_model_name_or_path", "activation"}

_Keys = dict[tuple[int, Place], dict[str, str]]  # where → part → key of its tensor


def read_bottleneck(folder: AdapterFolder, model: Model, network: Decoder) -> BottleneckWeights:
    """Every place whole and of the model's size, values finite, and some effect; else AdapterError."""
    activation = _activation(folder)
    keys = _keys(folder)
    for where, parts in keys.items():
        _check_place(folder, where, parts, network.config)
    adapter = BottleneckWeights(
        {
            where: BottleneckMatrices(**{part: read_array(folder.tensors, key) for part, key in parts.items()})
            for where, parts in keys.items()
        },
        activation,
        folder.name,
    )
    if not any(matrices.up.any() or matrices.up_bias.any() for matrices in adapter.places.values()):
        raise AdapterError(
            f"{folder.tensors.path} changes nothing: every up is zero, as before training. Use a trained adapter."
        )
    return adapter


def describe_bottleneck(folder: AdapterFolder) -> AdapterSummary:
    """By the settings and the header of the tensor file alone. Raises AdapterError."""
    _activation(folder)
    keys = _keys(folder)
    shapes = [folder.tensors.tensors[parts["down"]].shape for parts in keys.values()]
    return AdapterSummary(
        kind="bottleneck",
        ranks=tuple(sorted({shape[0] for shape in shapes if shape})),
        modules=dict(sorted(Counter(str(place) for _, place in keys).items())),
    )


def bottleneck_contents(adapter: BottleneckWeights) -> FolderContents:
    """What the two files are to hold. Raises ValueError for an adapter without places."""
    if not adapter.places:
        raise ValueError("The adapter stands at no place: there is nothing to write.")
    arrays = {
        f"layers.{layer_idx}.{place}.{name}": getattr(matrices, part)
        for (layer_idx, place), matrices in adapter.places.items()
        for name, part in _PARTS.items()
    }
    settings = {
        "peft_type": "BOTTLENECK",
        "task_type": "CAUSAL_LM",
        "inference_mode": True,
        "activation": adapter.activation,
    }
    return FolderContents(settings=settings, arrays=dict(sorted(arrays.items())))


def _activation(folder: AdapterFolder) -> MatmulActivation:
    settings, path = folder.settings, folder.settings_path
    for key, value in settings.items():
        if key not in _KNOWN and value:  # what is off, or left empty, changes nothing
            raise AdapterError(
                f"{path} sets {shown(key)} to {shown(value)}, which bottleneck adapters do not have here; the answers "
                "would be wrong without it."
            )
    if settings.get("task_type") not in (None, "CAUSAL_LM"):
        raise AdapterError(
            f"{path} was trained for the task {shown(settings['task_type'])}; this build uses adapters of CAUSAL_LM."
        )
    activation = settings.get("activation")
    known: Mapping[Any, MatmulActivation] = {name: name for name in get_args(MatmulActivation)}
    if not isinstance(activation, str) or activation not in known:
        raise AdapterError(f"{path}: activation is {shown(activation)}; it must be one of {', '.join(known)}.")
    return known[activation]


def _keys(folder: AdapterFolder) -> _Keys:
    """The tensors by where they belong; all four parts of every place are there."""
    path = folder.tensors.path
    keys: _Keys = {}
    for key in folder.tensors:
        found = _KEY.fullmatch(key)
        if found is None:
            raise AdapterError(
                f"{path} holds {ascii(key)[:120]}, which is no part of a bottleneck adapter: those are called "
                "layers.0.(attention|feed_forward).(down|up).(weight|bias)."
            )
        parts = keys.setdefault((int(found[1]), _PLACES[found[2]]), {})
        part = _PARTS[found[3]]
        if part in parts:
            raise AdapterError(f"{path} has two tensors for {ascii(key)[:120]}; save the adapter again.")
        parts[part] = key
    if not keys:
        raise AdapterError(f"{path} holds no tensors, so the adapter would change nothing.")
    for (layer_idx, place), parts in keys.items():
        if missing := [name for name, part in _PARTS.items() if part not in parts]:
            raise AdapterError(f"{path} lacks layers.{layer_idx}.{place}.{missing[0]}; save the adapter again.")
    return keys


def _check_place(
    folder: AdapterFolder, where: tuple[int, Place], parts: Mapping[str, str], config: ModelConfig
) -> None:
    """What the header says of the tensors of one place, before any of them is read."""
    (layer_idx, place), hidden_size = where, config.hidden_size
    if layer_idx >= config.num_layers:
        raise AdapterError(
            f"Adapter {folder.name!r} stands after the {place} of layer {layer_idx}; this model has "
            f"{config.num_layers} layers, counted from 0. Use it with the model it was trained for."
        )
    shapes = {part: folder.tensors.tensors[key].shape for part, key in parts.items()}
    for key in parts.values():
        check_dtype(folder.tensors, key)
    size = shapes["down"][0] if shapes["down"] else 0
    expected = {"down": (size, hidden_size), "down_bias": (size,), "up": (hidden_size, size), "up_bias": (hidden_size,)}
    if shapes != expected or not 1 <= size <= MAX_SIZE:
        found = ", ".join(f"{part} {shapes[part]}" for part in expected)
        raise AdapterError(
            f"Adapter {folder.name!r} has {found} after the {place} of layer {layer_idx}. They must go together, with "
            f"the model's hidden size of {hidden_size} and a size of their own of 1 to {MAX_SIZE:,}. Use it with the "
            "model it was trained for."
        )
