"""`ReferenceBackend`: the op contract over the functions of this folder, with arguments checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from runtime.config import RopeConfig
from runtime.errors import KernelUnavailableError
from runtime.kernels.checks import check_in_range, check_int32, check_page_table, check_shape, check_starts
from runtime.kernels.ops import KVShape, MatmulActivation, PageTable
from runtime.kernels.reference import attention, kv_pool, norms, quant_matmul
from runtime.kernels.reference.kv_pool import ReferenceKVPool
from runtime.kernels.reference.rope import rotate
from runtime.quant import FORMATS, dequantize


@dataclass(frozen=True)
class ReferenceWeight:
    """A matrix dequantised when loaded: `values` [N, K] float32. `format` is what its file held."""

    values: torch.Tensor
    format: str

    @property
    def shape(self) -> tuple[int, int]:
        num_outputs, num_inputs = self.values.shape
        return num_outputs, num_inputs


class ReferenceBackend:
    """The ops in torch, float32. Buffers are torch tensors on `device`; gradients flow through them."""

    name = "reference"

    def __init__(self, device: str = "cpu") -> None:
        self._device = torch.device(device)

    def describe(self) -> dict[str, Any]:
        return {
            "backend": self.name,
            "instruction_sets": [torch.backends.cpu.get_cpu_capability()],
            "threads": torch.get_num_threads(),
            "device": str(self._device),
        }

    # memory ------------------------------------------------------------------------------------------------------
    def load_weight(self, data: np.ndarray, format: str, shape: tuple[int, int]) -> ReferenceWeight:
        if format not in FORMATS:
            raise KernelUnavailableError(
                f"Weights stored as {format} cannot be read; known formats are {', '.join(FORMATS)}.",
                op="load_weight",
                backend=self.name,
            )
        values = np.ascontiguousarray(dequantize(data, format, shape))
        if not values.flags.writeable:  # F32 may come back as a view of the file, which torch warns about
            values = values.copy()
        return ReferenceWeight(torch.from_numpy(values).to(self._device), format)

    def from_numpy(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.array(array, dtype=np.float32, order="C")).to(self._device)

    def to_numpy(self, buffer: torch.Tensor) -> np.ndarray:
        return buffer.detach().cpu().numpy()

    def new_kv_pool(self, shape: KVShape) -> ReferenceKVPool:
        return kv_pool.new_kv_pool(shape, self._device)

    # rows --------------------------------------------------------------------------------------------------------
    def embed(self, input_ids: np.ndarray, table: ReferenceWeight, scale: float = 1.0) -> torch.Tensor:
        check_int32("input_ids", input_ids)
        check_in_range("input_ids", input_ids, table.shape[0])
        return table.values[self._index(input_ids)] * scale

    def take_rows(self, x: torch.Tensor, rows: np.ndarray) -> torch.Tensor:
        check_int32("rows", rows)
        check_in_range("rows", rows, x.shape[0])
        return x[self._index(rows)]

    def add(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        check_shape("y", y.shape, x.shape)
        return x + y

    def rms_norm(self, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        check_shape("weight", weight.shape, x.shape[-1:])
        return norms.rms_norm(x, weight, eps)

    def layer_norm(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float) -> torch.Tensor:
        check_shape("weight", weight.shape, x.shape[-1:])
        check_shape("bias", bias.shape, x.shape[-1:])
        return norms.layer_norm(x, weight, bias, eps)

    # matrices ----------------------------------------------------------------------------------------------------
    def quant_matmul(
        self,
        x: torch.Tensor,
        weight: ReferenceWeight,
        *,
        bias: torch.Tensor | None = None,
        addend: torch.Tensor | None = None,
        row_scale: torch.Tensor | None = None,
        residual: torch.Tensor | None = None,
        activation: MatmulActivation | None = None,
    ) -> torch.Tensor:
        num_outputs, num_inputs = weight.shape
        check_shape("x", x.shape, (-1, num_inputs))
        for name, row in (("bias", bias), ("row_scale", row_scale)):
            if row is not None:
                check_shape(name, row.shape, (num_outputs,))
        for name, matrix in (("addend", addend), ("residual", residual)):
            if matrix is not None:
                check_shape(name, matrix.shape, (x.shape[0], num_outputs))
        return quant_matmul.quant_matmul(
            x,
            weight.values,
            bias=bias,
            addend=addend,
            row_scale=row_scale,
            residual=residual,
            activation=activation,
        )

    def gated_matmul(
        self,
        x: torch.Tensor,
        gate: ReferenceWeight,
        up: ReferenceWeight,
        activation: MatmulActivation,
        *,
        gate_addend: torch.Tensor | None = None,
        up_addend: torch.Tensor | None = None,
        gate_row_scale: torch.Tensor | None = None,
        up_row_scale: torch.Tensor | None = None,
    ) -> torch.Tensor:
        num_outputs, num_inputs = gate.shape
        check_shape("up", up.shape, gate.shape)
        check_shape("x", x.shape, (-1, num_inputs))
        for name, matrix in (("gate_addend", gate_addend), ("up_addend", up_addend)):
            if matrix is not None:
                check_shape(name, matrix.shape, (x.shape[0], num_outputs))
        for name, row in (("gate_row_scale", gate_row_scale), ("up_row_scale", up_row_scale)):
            if row is not None:
                check_shape(name, row.shape, (num_outputs,))
        return quant_matmul.gated_matmul(
            x,
            gate.values,
            up.values,
            activation,
            gate_addend=gate_addend,
            up_addend=up_addend,
            gate_row_scale=gate_row_scale,
            up_row_scale=up_row_scale,
        )

    def logits(self, x: torch.Tensor, head: ReferenceWeight, softcap: float | None = None) -> np.ndarray:
        check_shape("x", x.shape, (-1, head.shape[1]))
        return self.to_numpy(quant_matmul.logits(x, head.values, softcap))

    # attention ---------------------------------------------------------------------------------------------------
    def rope(
        self, x: torch.Tensor, positions: np.ndarray, rope: RopeConfig, freq_factors: np.ndarray | None = None
    ) -> torch.Tensor:
        check_int32("positions", positions)
        check_shape("x", x.shape, (len(positions), -1, -1))
        if rope.dim > x.shape[-1]:
            raise ValueError(f"RoPE over {rope.dim} elements does not fit heads of {x.shape[-1]}.")
        return rotate(x, positions, rope, freq_factors)

    def reshape(self, x: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
        if x.numel() != np.prod(shape, dtype=np.int64):
            raise ValueError(f"{list(x.shape)} cannot be seen as {list(shape)}: the number of values differs.")
        return x.reshape(shape)

    def write_kv(
        self, pool: ReferenceKVPool, layer_idx: int, pages: PageTable, k: torch.Tensor, v: torch.Tensor
    ) -> None:
        check_shape("k", k.shape, (-1, pool.shape.num_kv_heads, pool.shape.head_dim))
        check_shape("v", v.shape, k.shape)
        self._check_pages(pool, layer_idx, pages, k.shape[0])
        kv_pool.write_kv(pool, layer_idx, pages, k, v)

    def paged_attention(
        self,
        q: torch.Tensor,
        pool: ReferenceKVPool,
        layer_idx: int,
        pages: PageTable,
        scale: float,
        window: int | None = None,
        softcap: float | None = None,
    ) -> torch.Tensor:
        check_shape("q", q.shape, (-1, -1, pool.shape.head_dim))
        self._check_heads(q.shape[1], pool.shape.num_kv_heads)
        self._check_pages(pool, layer_idx, pages, q.shape[0])
        if window is not None and window < 1:
            raise ValueError(f"window is {window}; a token sees at least itself, so it must be 1 or more.")
        return attention.paged_attention(q, pool, layer_idx, pages, scale, window, softcap)

    def packed_attention(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, cu_seqlens: np.ndarray, scale: float, *, causal: bool
    ) -> torch.Tensor:
        check_shape("q", q.shape, (-1, -1, -1))
        check_shape("k", k.shape, (q.shape[0], -1, q.shape[2]))
        check_shape("v", v.shape, k.shape)
        self._check_heads(q.shape[1], k.shape[1])
        check_starts("cu_seqlens", cu_seqlens, q.shape[0])
        return attention.packed_attention(q, k, v, cu_seqlens, scale, causal=causal)

    def _index(self, indices: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(indices.astype(np.int64)).to(self._device)

    @staticmethod
    def _check_heads(num_heads: int, num_kv_heads: int) -> None:
        if num_kv_heads == 0 or num_heads % num_kv_heads:
            raise ValueError(f"{num_heads} query heads cannot share {num_kv_heads} kv heads evenly.")

    @staticmethod
    def _check_pages(pool: ReferenceKVPool, layer_idx: int, pages: PageTable, num_tokens: int) -> None:
        if not 0 <= layer_idx < pool.shape.num_layers:
            raise ValueError(f"layer_idx is {layer_idx}; the pool holds {pool.shape.num_layers} layers.")
        check_page_table(pages, num_tokens, pool.shape)
