"""LoRA weights and what they do to a matrix product: a term that is added (Hu et al., arXiv:2106.09685), and for DoRA a
factor a row (Liu et al., arXiv:2402.09353).

`LoraWeights` is plain data that belongs to no backend. A decoder hands it to its own backend once (`load_lora`) and
then asks for `lora_addend` wherever a linear map runs. Reading, attaching and merging adapters are the work of
`adapters/`.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from runtime.errors import AdapterError
from runtime.kernels.ops import Backend, Buffer, Weight
from runtime.layers.float32_matrix import load_float32

_ROWS_AT_ONCE = 1024  # of a matrix, dequantised to measure its rows


@dataclass(frozen=True, eq=False)
class LoraMatrices:
    """The low-rank update of one matrix: W' = W + scale · b @ a.

    With a `magnitude` (DoRA) each row of W' is then stretched to that length: magnitude · W' / ‖W'‖.
    Raises ValueError for shapes that do not go together.
    """

    a: np.ndarray  # [R, K] float32
    b: np.ndarray  # [N, R] float32
    scale: float  # alpha / R, or alpha / sqrt(R) where the adapter says so
    magnitude: np.ndarray | None = None  # [N] float32

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
        magnitude = self.magnitude
        if magnitude is not None and (magnitude.dtype != np.float32 or magnitude.shape != self.b.shape[:1]):
            raise ValueError(
                f"A DoRA magnitude must be a float32 vector of {self.b.shape[0]}, one a row of b, got "
                f"{magnitude.dtype} of shape {magnitude.shape}."
            )

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K) of the matrix it belongs to."""
        return self.b.shape[0], self.a.shape[1]

    def merged_into(self, weight: np.ndarray) -> np.ndarray:
        """[N, K] float32: the matrix that acts as `weight` [N, K] does with this update."""
        merged: np.ndarray = weight + np.float32(self.scale) * (self.b @ self.a)
        return merged if self.magnitude is None else merged * row_scale_of(self.magnitude, merged)[:, None]


def row_scale_of(magnitude: np.ndarray, updated: np.ndarray) -> np.ndarray:
    """[N] float32: what stretches the rows of `updated` [N, K] to `magnitude` [N]; a row of zeros has no direction."""
    norms = np.linalg.norm(updated, axis=1)
    scale: np.ndarray = np.divide(magnitude, norms, out=np.ones_like(norms), where=norms > 0)
    return scale


@dataclass(frozen=True, eq=False)
class LoraWeights:
    """One adapter: module names as in GGUF without `.weight` ("blk.3.attn_q") → their matrices.

    Compared by identity: the same adapter is the same object.
    """

    modules: Mapping[str, LoraMatrices]
    name: str = "adapter"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what it does, 64 hexadecimal digits; the name and the order of the modules do not count."""
        whole = hashlib.sha256()
        for module, matrices in sorted(self.modules.items()):
            whole.update(f"{module}\n{matrices.shape}\n{matrices.a.shape[0]}\n{float(matrices.scale).hex()}\n".encode())
            for part in (matrices.a, matrices.b, matrices.magnitude):
                whole.update(b"-" if part is None else np.ascontiguousarray(part, "<f4").tobytes())
        return whole.hexdigest()


@dataclass(frozen=True)
class LoadedLora:
    """An adapter in one backend's memory, the scale folded into b."""

    modules: Mapping[str, tuple[Weight, Weight]] = field(default_factory=dict)
    row_scales: Mapping[str, Buffer] = field(default_factory=dict)  # [N] of the modules that DoRA adapted


def load_lora(backend: Backend, lora: LoraWeights, weights: Mapping[str, Weight]) -> LoadedLora:
    """The adapter's matrices as weights of `backend`; for DoRA the rows of the model's own are measured once.

    Args:
        weights: every matrix of the model that can be adapted, by module name.

    Raises:
        AdapterError: a module the model does not have, or one of another shape.
    """
    check_fits(lora, {name: weight.shape for name, weight in weights.items()})
    loaded, row_scales = {}, {}
    for name, matrices in lora.modules.items():
        scaled_b = matrices.b * np.float32(matrices.scale)
        loaded[name] = (load_float32(backend, matrices.a), load_float32(backend, scaled_b))
        if matrices.magnitude is not None:
            row_scales[name] = backend.from_numpy(_row_scale(backend, matrices, matrices.magnitude, weights[name]))
    return LoadedLora(loaded, row_scales)


def check_fits(lora: LoraWeights, shapes: Mapping[str, tuple[int, int]]) -> None:
    """Hold an adapter against (N, K) of every matrix of a model that can be adapted. Raises AdapterError."""
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


def lora_addend(backend: Backend, x: Buffer, lora: LoadedLora | None, name: str) -> Buffer | None:
    """x [T, K] @ aᵀ @ bᵀ · scale → [T, N], or None where the adapter leaves module `name` alone."""
    if lora is None or name not in lora.modules:
        return None
    a, b = lora.modules[name]
    return backend.quant_matmul(backend.quant_matmul(x, a), b)


def lora_row_scale(lora: LoadedLora | None, name: str) -> Buffer | None:
    """[N], DoRA's factor for each output of module `name`, or None where there is none."""
    return None if lora is None else lora.row_scales.get(name)


def _row_scale(backend: Backend, matrices: LoraMatrices, magnitude: np.ndarray, weight: Weight) -> np.ndarray:
    """[N] float32, some rows at a time: the dequantised matrix may be far larger than the stored one."""
    parts = []
    for begin in range(0, weight.shape[0], _ROWS_AT_ONCE):
        rows = np.arange(begin, min(begin + _ROWS_AT_ONCE, weight.shape[0]), dtype=np.int32)
        stored = backend.to_numpy(backend.embed(rows, weight))  # a matrix is a table of rows
        updated = stored + np.float32(matrices.scale) * (matrices.b[rows] @ matrices.a)
        parts.append(row_scale_of(magnitude[rows], updated))
    return np.concatenate(parts)
