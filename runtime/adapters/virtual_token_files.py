"""What folders of virtual tokens share: PEFT keeps either kind as one matrix, a row for each virtual token.

The settings repeat sizes of the model; none of them is needed to read the matrix, so they are held against the model.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from runtime.adapters.folder import AdapterFolder, AdapterSummary, FolderContents, check_dtype, read_array, shown
from runtime.errors import AdapterError

_KEY = "prompt_embeddings"
_HARMLESS = {  # they say how training began and who wrote the file
    "auto_mapping",
    "base_model_name_or_path",
    "encoder_hidden_size",
    "inference_mode",
    "init_weights",
    "peft_type",
    "peft_version",
    "prefix_projection",  # what is stored has been projected
    "prompt_tuning_init",
    "prompt_tuning_init_text",
    "revision",
    "runtime_config",
    "task_type",
    "tokenizer_kwargs",
    "tokenizer_name_or_path",
}


def read_rows(folder: AdapterFolder, sizes: Mapping[str, int], num_columns: int, max_seq_len: int) -> np.ndarray:
    """[P, num_columns] float32.

    Args:
        sizes: what the settings must say where they say it, by their names.
        max_seq_len: of the model; virtual tokens have to leave room in it.

    Raises:
        AdapterError: damaged, of another model, or of a kind that is more than virtual tokens.
    """
    num_tokens, width = _shape(folder)
    if width != num_columns:
        raise AdapterError(
            f"Adapter {folder.name!r} has virtual tokens of {width:,} values; this model's have {num_columns:,}. Use "
            "it with the model it was trained for."
        )
    if num_tokens >= max_seq_len:
        raise AdapterError(
            f"Adapter {folder.name!r} has {num_tokens:,} virtual tokens, which leave nothing of this model's context "
            f"of {max_seq_len:,}. Use it with the model it was trained for."
        )
    _check_settings(folder, {"num_virtual_tokens": num_tokens, "num_transformer_submodules": 1, **sizes})
    check_dtype(folder.tensors, _KEY)
    return read_array(folder.tensors, _KEY)


def describe_rows(folder: AdapterFolder, kind: str) -> AdapterSummary:
    """By the settings and the header of the tensor file alone. Raises AdapterError."""
    num_tokens, _ = _shape(folder)
    _check_settings(folder, {"num_virtual_tokens": num_tokens})
    return AdapterSummary(kind=kind, num_virtual_tokens=num_tokens)


def rows_contents(peft_type: str, rows: np.ndarray, sizes: Mapping[str, int]) -> FolderContents:
    """Virtual tokens [P, N] as PEFT stores them."""
    settings: dict[str, Any] = {
        "peft_type": peft_type,
        "task_type": "CAUSAL_LM",
        "inference_mode": True,
        "num_virtual_tokens": len(rows),
        "num_transformer_submodules": 1,
        **sizes,
    }
    return FolderContents(settings=settings, arrays={_KEY: rows})


def _shape(folder: AdapterFolder) -> tuple[int, int]:
    """Of the one matrix there is, by the header of the tensor file."""
    file = folder.tensors
    if strays := [key for key in file if key != _KEY]:
        raise AdapterError(
            f"{file.path} holds {ascii(strays[0])[:120]}; an adapter of virtual tokens is one matrix, {_KEY}. "
            "Whole modules that were trained beside it are not taken over."
        )
    if _KEY not in file.tensors:
        raise AdapterError(f"{file.path} holds no {_KEY}, so the adapter would change nothing.")
    shape = file.tensors[_KEY].shape
    if len(shape) != 2 or not all(shape):
        raise AdapterError(
            f"{file.path}: {_KEY} has the shape {shape}; it must be a matrix with a row a virtual token."
        )
    return shape[0], shape[1]


def _check_settings(folder: AdapterFolder, sizes: Mapping[str, int]) -> None:
    settings, path = folder.settings, folder.settings_path
    if settings.get("task_type") not in (None, "CAUSAL_LM"):
        raise AdapterError(
            f"{path} was trained for the task {shown(settings['task_type'])}; this build uses adapters of CAUSAL_LM."
        )
    known = {*_HARMLESS, *sizes, "num_transformer_submodules", "token_dim", "num_attention_heads", "num_layers"}
    for key, value in settings.items():
        if key not in known and value:  # what is off, or left empty, changes nothing
            raise AdapterError(
                f"{path} sets {shown(key)} to {shown(value)}, which this build does not do with virtual tokens; the "
                "answers would be wrong without it."
            )
    for key, size in sizes.items():
        if settings.get(key) not in (None, size) or isinstance(settings.get(key), bool):
            raise AdapterError(
                f"{path} says {key} is {shown(settings[key])}; by its tensor and this model it is {size}. The files do "
                "not belong together, or the adapter to another model."
            )
