"""What the GGUF reader and writer agree on: value types, limits, and one description of a tensor.

A file is: magic "GGUF", version, two counts; then metadata (key, type, value); then one record a tensor (name,
dimensions, type, offset); then, from the next multiple of the alignment, the tensors' bytes. All is little-endian.

Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The limits are ours: far above any real model,
and low enough that a small file cannot ask for a lot of memory.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

ValueTypeName = Literal[
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "float32",
    "bool",
    "string",
    "uint64",
    "int64",
    "float64",
]

MAGIC = b"GGUF"
VERSIONS = (2, 3)  # version 1 had 32-bit counts; 3 differs from 2 in allowing big-endian files, which we refuse
DEFAULT_ALIGNMENT = 32
ALIGNMENT_KEY = "general.alignment"

STRING_ID = 8
ARRAY_ID = 9
TYPE_NAMES: dict[int, ValueTypeName] = {
    0: "uint8",
    1: "int8",
    2: "uint16",
    3: "int16",
    4: "uint32",
    5: "int32",
    6: "float32",
    7: "bool",
    8: "string",
    10: "uint64",
    11: "int64",
    12: "float64",
}
TYPE_IDS: dict[str, int] = {name: type_id for type_id, name in TYPE_NAMES.items()}
# The numeric types as arrays hold them; a bool is a byte that is 0 or 1.
DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype(name).newbyteorder("<") for name in TYPE_IDS if name != "string"}

MAX_METADATA_BYTES = 256 << 20  # everything in front of the tensors
MAX_ENTRIES = 1 << 16  # metadata keys; a Python object each, and a handful of bytes in the file
MAX_TENSORS = 1 << 16
MAX_ARRAY_ELEMENTS = 16 << 20  # in all arrays together
MAX_STRING_BYTES = 1 << 20
MAX_TEXT_BYTES = 8 << 20  # all strings outside arrays together: as Python text one may take four times its bytes
MAX_NAME_BYTES = 64  # tensor names, from the specification
MAX_KEY_BYTES = (1 << 16) - 1  # from the specification
MAX_DIMENSIONS = 4
MAX_ALIGNMENT = 1 << 16


@dataclass(frozen=True)
class TensorInfo:
    """Where a tensor lies. `shape` is in numpy order, `offset` counts bytes from the start of the file."""

    name: str
    format: str
    shape: tuple[int, ...]
    offset: int
    num_bytes: int


def is_valid_alignment(alignment: int) -> bool:
    """True for a power of two up to 64 KiB."""
    return 0 < alignment <= MAX_ALIGNMENT and alignment & (alignment - 1) == 0
