"""`read_peft`: an adapter from a PEFT folder, checked against the model it is for. The folder is hostile until then."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from runtime.adapters.base_model import check_base as check_base_of
from runtime.adapters.names import rows_to_gguf, to_gguf
from runtime.adapters.peft_config import CONFIG_FILE, MAX_CONFIG_BYTES, PeftConfig, parse_config
from runtime.errors import AdapterError, CorruptFileError, UnsupportedModelError
from runtime.layers.lora import LoraMatrices, LoraWeights, check_fits
from runtime.loaders.load import Model
from runtime.loaders.safetensors import SafetensorsFile, read_safetensors
from runtime.models.decoder import Decoder

WEIGHTS_FILE = "adapter_model.safetensors"
PREFIX = "base_model.model."  # PEFT's own, before the name that a module has in the base model
PARTS = {"lora_A.weight": "a", "lora_B.weight": "b", "lora_magnitude_vector": "magnitude"}
MAX_WEIGHTS_BYTES = 64 << 30
_DTYPES = ("F32", "F16", "BF16")
_KEY = re.compile(rf"{re.escape(PREFIX)}(.{{1,200}})\.({'|'.join(map(re.escape, PARTS))})")


def read_peft(folder: str | Path, model: Model, *, check_base: bool = True) -> LoraWeights:
    """The adapter in a folder that PEFT, or `write_peft`, wrote: LoRA, rsLoRA or DoRA, float32 from here on.

    Args:
        model: the one it is to be used with; open.
        check_base: refuse an adapter whose file says that it was trained on other weights. Where that cannot be told,
            only names and shapes are held against the model.

    Raises:
        AdapterError: there is no adapter, it is damaged, asks for something we do not do, changes nothing, or belongs
            to another model.
        OSError: a file that may not be read.
    """
    folder = Path(folder)
    name = folder.resolve().name or "adapter"
    config = parse_config(read_bounded(find_file(folder, CONFIG_FILE), MAX_CONFIG_BYTES), folder / CONFIG_FILE)
    try:
        with read_safetensors(find_file(folder, WEIGHTS_FILE)) as file:
            lora = _build(file, config, model, name)
            if check_base:
                check_base_of(file.metadata, name, model)
    except (CorruptFileError, UnsupportedModelError) as error:
        raise AdapterError(str(error)) from error
    return lora


def find_file(folder: Path, file_name: str) -> Path:
    """A plain file of the folder: no link, which could lead anywhere, and no pipe, which could wait for ever."""
    path = folder / file_name
    if not folder.is_dir():
        what = "is a file; name the folder that it is in" if folder.exists() else "does not exist"
        raise AdapterError(f"An adapter is a folder with {CONFIG_FILE} and {WEIGHTS_FILE}; {folder} {what}.")
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError as error:
        if file_name == WEIGHTS_FILE and (folder / "adapter_model.bin").exists():
            raise AdapterError(
                f"{folder} holds its weights as adapter_model.bin, a format that runs code when it is read. Save the "
                "adapter with safe_serialization=True."
            ) from error
        raise AdapterError(f"{folder} is no adapter: it has no {file_name}.") from error
    if stat.S_ISLNK(mode):
        raise AdapterError(
            f"{path} is a symbolic link, which is not followed here; copy the folder with what it points to: cp -rL"
        )
    if not stat.S_ISREG(mode):
        raise AdapterError(f"{path} is no plain file; save the adapter again.")
    limit = MAX_CONFIG_BYTES if file_name == CONFIG_FILE else MAX_WEIGHTS_BYTES
    if path.stat().st_size > limit:
        raise AdapterError(f"{path} is larger than {limit:,} bytes, more than any adapter takes.")
    return path


def read_bounded(path: Path, limit: int) -> bytes:
    """The file's content; one byte more than `limit` at most, so that who asks can tell that it is too long."""
    with path.open("rb") as file:
        return file.read(limit + 1)


def _build(file: SafetensorsFile, config: PeftConfig, model: Model, name: str) -> LoraWeights:
    network = model.network
    if not isinstance(network, Decoder):
        raise AdapterError(f"{model.name} makes embeddings; adapters are for models that write.")
    parts_of: dict[str, dict[str, str]] = {}
    for key in file:
        module, part = split_key(key, file.path)
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


def split_key(key: str, path: Path) -> tuple[str, str]:
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
            if file.tensors[key].dtype not in _DTYPES:
                raise AdapterError(
                    f"{file.path} stores {ascii(key)[:120]} as {file.tensors[key].dtype}; adapters are read from "
                    f"{', '.join(_DTYPES)}. Save it as one of these."
                )
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
    a, b = _array(file, keys["a"]), rows_to_gguf(model.config, module, _array(file, keys["b"]))
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
        magnitude = _array(file, keys["magnitude"]).reshape(-1)
        if magnitude.shape != b.shape[:1]:
            raise AdapterError(f"{file.path}: the magnitude of {module} has {magnitude.size} values, not {len(b)}.")
        magnitude = rows_to_gguf(model.config, module, magnitude)
    return LoraMatrices(a, b, config.scale_of(path), magnitude)


def _array(file: SafetensorsFile, key: str) -> np.ndarray:
    """A float32 copy, so that the file may change or go."""
    array = np.array(file[key], np.float32)
    if not np.isfinite(array).all():
        raise AdapterError(
            f"{file.path}: {ascii(key)[:120]} holds values that are NaN or infinite; its training went wrong. Use an "
            "earlier checkpoint."
        )
    return array


def _check_has_effect(lora: LoraWeights, path: Path) -> None:
    if not any(_acts(matrices) for matrices in lora.modules.values()):
        raise AdapterError(f"{path} changes nothing: every lora_B is zero, as before training. Use a trained adapter.")


def _acts(matrices: LoraMatrices) -> bool:
    return matrices.magnitude is not None or bool(matrices.a.any() and matrices.b.any())
