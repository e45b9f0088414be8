"""What a block format is, and the numbers that name tensor types in a GGUF file.

A row of K weights is stored as K / block_size blocks of block_bytes each, one after the other; no block spans two rows.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Format:
    """One way to store weights. `block_size` counts weights, `type_id` is the number GGUF files use."""

    name: str
    type_id: int
    block_size: int
    block_bytes: int

    def row_bytes(self, k: int) -> int:
        """Bytes of a row of `k` weights.

        Raises:
            ValueError: `k` is not a positive multiple of the block size.
        """
        if k <= 0 or k % self.block_size:
            raise ValueError(
                f"A row of {k} weights cannot be stored as {self.name}: its blocks hold {self.block_size}."
            )
        return k // self.block_size * self.block_bytes


# Every tensor type ggml has ever numbered, so that an error can name one we do not read.
# Source: enum ggml_type in ggml.h; 4, 5, 31–33 and 36–38 were withdrawn and are kept for their names.
GGML_TYPE_NAMES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    4: "Q4_2",
    5: "Q4_3",
    6: "Q5_0",
    7: "Q5_1",
    8: "Q8_0",
    9: "Q8_1",
    10: "Q2_K",
    11: "Q3_K",
    12: "Q4_K",
    13: "Q5_K",
    14: "Q6_K",
    15: "Q8_K",
    16: "IQ2_XXS",
    17: "IQ2_XS",
    18: "IQ3_XXS",
    19: "IQ1_S",
    20: "IQ4_NL",
    21: "IQ3_S",
    22: "IQ2_S",
    23: "IQ4_XS",
    24: "I8",
    25: "I16",
    26: "I32",
    27: "I64",
    28: "F64",
    29: "IQ1_M",
    30: "BF16",
    31: "Q4_0_4_4",
    32: "Q4_0_4_8",
    33: "Q4_0_8_8",
    34: "TQ1_0",
    35: "TQ2_0",
    36: "IQ4_NL_4_4",
    37: "IQ4_NL_4_8",
    38: "IQ4_NL_8_8",
    39: "MXFP4",
    40: "NVFP4",
    41: "Q1_0",
}


def ggml_type_name(type_id: int) -> str:
    """The name of a ggml tensor type, or "type 77" for a number no version of ggml has used."""
    return GGML_TYPE_NAMES.get(type_id, f"type {type_id}")
