"""The folder of an adapter, whatever its kind: `adapter_config.json` and `adapter_model.safetensors`, as PEFT has them.

It comes from outside and is hostile until checked: sizes are bounded, nothing is followed or run.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import AdapterError, CorruptFileError, UnsupportedModelError
from runtime.loaders.safetensors import SafetensorsFile, read_safetensors
from runtime.strict_json import loads, unique_keys

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"
MAX_CONFIG_BYTES = 1 << 20
MAX_WEIGHTS_BYTES = 64 << 30
_DTYPES = ("F32", "F16", "BF16")


@dataclass(frozen=True, kw_only=True)
class AdapterFolder:
    """An adapter folder, open: its settings as they stand there, its tensors by their header."""

    name: str
    settings: Mapping[str, Any]
    settings_path: Path  # for messages
    tensors: SafetensorsFile


@dataclass(frozen=True, kw_only=True)
class AdapterSummary:
    """What a folder says of itself, without its model."""

    kind: str  # as people call it: "DoRA", "bottleneck"
    ranks: tuple[int, ...] = ()  # different ones, ascending
    modules: Mapping[str, int] = field(default_factory=dict)  # what is changed, "attn_q" → in how many layers
    num_virtual_tokens: int = 0  # positions that it takes at the start of every sequence


@dataclass(frozen=True, kw_only=True)
class FolderContents:
    """What is to be written."""

    settings: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]  # float32, in the order they are to be stored


@contextmanager
def open_folder(path: str | Path) -> Iterator[AdapterFolder]:
    """The folder's two files; a damaged tensor is an AdapterError within, too.

    Raises:
        AdapterError: there is no adapter, or it is damaged.
        OSError: a file that may not be read.
    """
    path = Path(path)
    settings = _read_settings(_find_file(path, CONFIG_FILE))
    try:
        with read_safetensors(_find_file(path, WEIGHTS_FILE)) as tensors:
            yield AdapterFolder(
                name=path.resolve().name or "adapter",
                settings=settings,
                settings_path=path / CONFIG_FILE,
                tensors=tensors,
            )
    except (CorruptFileError, UnsupportedModelError) as error:
        raise AdapterError(str(error)) from error


def check_dtype(file: SafetensorsFile, key: str) -> None:
    """Raises AdapterError for a tensor of another type than adapters are read from."""
    if file.tensors[key].dtype not in _DTYPES:
        raise AdapterError(
            f"{file.path} stores {ascii(key)[:120]} as {file.tensors[key].dtype}; adapters are read from "
            f"{', '.join(_DTYPES)}. Save it as one of these."
        )


def read_array(file: SafetensorsFile, key: str) -> np.ndarray:
    """A float32 copy, so that the file may change or go."""
    array = np.array(file[key], np.float32)
    if not np.isfinite(array).all():
        raise AdapterError(
            f"{file.path}: {ascii(key)[:120]} holds values that are NaN or infinite; its training went wrong. Use an "
            "earlier checkpoint."
        )
    return array


def shown(value: Any) -> str:
    """A value from outside, on one line and not at any length."""
    text = ascii(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _find_file(folder: Path, file_name: str) -> Path:
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


def _read_settings(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        content = file.read(MAX_CONFIG_BYTES + 1)  # it may have grown since its size was looked at
    if len(content) > MAX_CONFIG_BYTES:
        raise AdapterError(f"{path} is larger than {MAX_CONFIG_BYTES:,} bytes, more than any adapter's settings take.")
    try:
        keys = loads(content.decode("utf-8"), object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error).splitlines()[0][:200]
        raise AdapterError(f"{path} is not valid JSON ({reason}); save the adapter again.") from error
    if not isinstance(keys, dict):
        raise AdapterError(f"{path} is not a table of settings; save the adapter again.")
    return keys
