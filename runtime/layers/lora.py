"""LoRA weights and the term they add to a matrix product. Hu et al., arXiv:2106.09685.

`LoraWeights` is plain data that belongs to no backend. A decoder hands it to its own backend once (`load_lora`) and
then asks for `lora_addend` wherever a linear map runs. Reading, attaching and merging adapters are the work of
`adapters/`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from runtime.errors import AdapterError
from runtime.kernels.ops import Backend, Buffer, Weight


@dataclass(frozen=True, eq=False)
class LoraMatrices:
    """The low-rank update of one matrix: W + scale · b @ a. Raises ValueError for shapes that do not multiply."""

    a: np.ndarray  # [R, K] float32
    b: np.ndarray  # [N, R] float32
    scale: float  # alpha / R, or alpha / sqrt(R) where the adapter says so

    def __post_init__(self) -> None:
        for name, matrix in (("a", self.a), ("b", self.b)):
            if matrix.ndim != 2 or matrix.dtype != np.float32:
                raise ValueError(f"LoRA {name} must be a float32 matrix, got {matrix.dtype} of shape {matrix.shape}.")
        if self.a.shape[0] != self.b.shape[1] or self.a.shape[0] == 0:
            raise ValueError(
                f"LoRA ranks differ: a is {self.a.shape} (R, K) and b is {self.b.shape} (N, R); R must agree."
            )
        if not math.isfinite(self.scale):
            raise ValueError(f"LoRA scale must be a finite number, got {self.scale}.")

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K) of the matrix it belongs to."""
        return self.b.shape[0], self.a.shape[1]


@dataclass(frozen=True, eq=False)
class LoraWeights:
    """One adapter: module names as in GGUF without `.weight` ("blk.3.attn_q") → their matrices.

    Compared by identity: the same adapter is the same object.
    """

    modules: Mapping[str, LoraMatrices]
    name: str = "adapter"


@dataclass(frozen=True)
class LoadedLora:
    """An adapter in one backend's memory, the scale folded into b."""

    modules: Mapping[str, tuple[Weight, Weight]] = field(default_factory=dict)


def load_lora(backend: Backend, lora: LoraWeights, shapes: Mapping[str, tuple[int, int]]) -> LoadedLora:
    """The adapter's matrices as weights of `backend`.

    Args:
        shapes: (N, K) of every matrix of the model that can be adapted.

    Raises:
        AdapterError: a module the model does not have, or one of another shape.
    """
    loaded = {}
    for name, matrices in lora.modules.items():
        if name not in shapes:
            raise AdapterError(
                f"Adapter {lora.name!r} changes {name}, which this model does not have. Use it with the model it was "
                "trained for."
            )
        if matrices.shape != shapes[name]:
            raise AdapterError(
                f"Adapter {lora.name!r} changes {name} as a {matrices.shape} matrix; in this model it is "
                f"{shapes[name]}. Use it with the model it was trained for."
            )
        scaled_b = matrices.b * np.float32(matrices.scale)
        loaded[name] = (_load_float32(backend, matrices.a), _load_float32(backend, scaled_b))
    return LoadedLora(loaded)


def lora_addend(backend: Backend, x: Buffer, lora: LoadedLora | None, name: str) -> Buffer | None:
    """x [T, K] @ aᵀ @ bᵀ · scale → [T, N], or None where the adapter leaves module `name` alone."""
    if lora is None or name not in lora.modules:
        return None
    a, b = lora.modules[name]
    return backend.quant_matmul(backend.quant_matmul(x, a), b)


def _load_float32(backend: Backend, matrix: np.ndarray) -> Weight:
    rows, columns = matrix.shape
    data = np.ascontiguousarray(matrix, np.float32).view(np.uint8).reshape(-1)
    return backend.load_weight(data, "F32", (rows, columns))
