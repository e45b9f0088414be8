"""A LoRA adapter out of the folder that PEFT, or `write_peft`, wrote: LoRA, rsLoRA and DoRA."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from runtime.adapters.folder import CONFIG_FILE, AdapterFolder, AdapterSummary, check_dtype, read_array
from runtime.adapters.names import rows_to_gguf, to_gguf
from runtime.adapters.peft_config import PeftConfig, parse_config
from runtime.errors import AdapterError
from runtime.layers.lora import LoraMatrices, LoraWeights, check_fits
from runtime.loaders.load import Model
from runtime.loaders.safetensors import SafetensorsFile
from runtime.models.decoder import Decoder

PREFIX = "base_model.model."  # PEFT's own, before the name that a module has in the base model
PARTS = {"lora_A.weight": "a", "lora_B.weight": "b", "lora_magnitude_vector": "magnitude"}
_KEY = re.compile(rf"{re.escape(PREFIX)}(.{{1,200}})\.({'|'.join(map(re.escape, PARTS))})")


def read_lora(folder: AdapterFolder, model: Model, network: Decoder) -> LoraWeights:
    """LoRA, rsLoRA or DoRA, in the order of rows that the model's file has. Raises AdapterError."""
    config = parse_config(folder.settings, folder.settings_path)
    file, name = folder.tensors, folder.name
    parts_of: dict[str, dict[str, str]] = {}
    for key in file:
        module, part = _split_key(key, file.path)
        if part in parts_of.setdefault(module, {}):
            raise AdapterError(f"{file.path} has two tensors for {part} of {module}; save the adapter again.")
        parts_of[module][part] = key
    shapes = {module: weight.shape for module, weight in network.linears.items()}
    _check_shapes(file, parts_of, shapes, name)
    lora = LoraWeights(
        {module: _matrices(file, module, keys, config, model) for module, keys in parts_of.items()}, name
    )
    check_fits(lora, shapes)
    _check_has_effect(lora, file.path)
    return lora


def describe_lora(folder: AdapterFolder) -> AdapterSummary:
    """By the settings and the header of the tensor file alone. Raises AdapterError."""
    config, file = parse_config(folder.settings, folder.settings_path), folder.tensors
    found = [(*_split_key(key, file.path), tensor.shape) for key, tensor in file.tensors.items()]
    counts = Counter(module.rsplit(".", 1)[-1] for module, part, _ in found if part == "a")
    return AdapterSummary(
        kind=_kind(config.use_rslora, config.use_dora),
        ranks=tuple(sorted({shape[0] for _, part, shape in found if part == "a" and shape})),
        modules=dict(sorted(counts.items())),
    )


def _split_key(key: str, path: Path) -> tuple[str, str]:
    """The key of a tensor as our module name and the part of it that it is."""
    found = _KEY.fullmatch(key.replace("lora_magnitude_vector.weight", "lora_magnitude_vector"))
    module = None if found is None else to_gguf(found[1])
    if found is None or module is None:
        raise AdapterError(
            f"{path} holds {ascii(key)[:120]}, which is nothing that this build can apply: it takes lora_A, lora_B and "
            f"DoRA magnitudes of {PREFIX}model.layers.…self_attn.(q|k|v|o)_proj and mlp.(gate|up|down)_proj. "
            "Embeddings and heads are not adapted: where a model ties them, a change of one is a change of both."
        )
    return module, PARTS[found[2]]


def _check_shapes(
    file: SafetensorsFile,
    parts_of: Mapping[str, Mapping[str, str]],
    shapes: Mapping[str, tuple[int, int]],
    name: str,
) -> None:
    """What the header says of the tensors, before any of them is read."""
    if not parts_of:
        raise AdapterError(f"{file.path} holds no tensors, so the adapter would change nothing.")
    for module, keys in parts_of.items():
        if missing := {"a", "b"} - set(keys):
            raise AdapterError(f"{file.path} lacks lora_{missing.pop().upper()} of {module}; save the adapter again.")
        for key in keys.values():
            check_dtype(file, key)
        if module not in shapes:
            raise AdapterError(
                f"Adapter {name!r} changes {module}, which this model does not have. Use it with the model it was "
                "trained for."
            )
        num_outputs, num_inputs = shapes[module]
        a, b = file.tensors[keys["a"]].shape, file.tensors[keys["b"]].shape
        if len(a) != 2 or len(b) != 2 or a[1] != num_inputs or b[0] != num_outputs or a[0] != b[1]:
            raise AdapterError(
                f"Adapter {name!r} changes {module} by {b} times {a}; in this model it is ({num_outputs}, "
                f"{num_inputs}). Use it with the model it was trained for."
            )


def _matrices(
    file: SafetensorsFile, module: str, keys: Mapping[str, str], config: PeftConfig, model: Model
) -> LoraMatrices:
    path = keys["a"].removeprefix(PREFIX).removesuffix(".lora_A.weight")
    a, b = read_array(file, keys["a"]), rows_to_gguf(model.config, module, read_array(file, keys["b"]))
    if len(a) != config.rank_of(path):
        raise AdapterError(
            f"{file.path}: {module} has rank {len(a)}, and {CONFIG_FILE} says {config.rank_of(path)}. The two files do "
            "not belong together."
        )
    if config.use_dora != ("magnitude" in keys):
        has = "has a magnitude" if "magnitude" in keys else "has no magnitude"
        raise AdapterError(
            f"{file.path}: {module} {has}, and {CONFIG_FILE} says use_dora is {config.use_dora}. The two files do not "
            "belong together."
        )
    magnitude = None
    if config.use_dora:
        magnitude = read_array(file, keys["magnitude"]).reshape(-1)
        if magnitude.shape != b.shape[:1]:
            raise AdapterError(f"{file.path}: the magnitude of {module} has {magnitude.size} values, not {len(b)}.")
        magnitude = rows_to_gguf(model.config, module, magnitude)
    return LoraMatrices(a, b, config.scale_of(path), magnitude)


def _check_has_effect(lora: LoraWeights, path: Path) -> None:
    if not any(_acts(matrices) for matrices in lora.modules.values()):
        raise AdapterError(f"{path} changes nothing: every lora_B is zero, as before training. Use a trained adapter.")


def _acts(matrices: LoraMatrices) -> bool:
    return matrices.magnitude is not None or bool(matrices.a.any() and matrices.b.any())


def _kind(use_rslora: bool, use_dora: bool) -> str:
    lora = "rsLoRA" if use_rslora else "LoRA"
    if not use_dora:
        return lora
    return "rsLoRA + DoRA" if use_rslora else "DoRA"
