"""`CpuBackend`: checks arguments, makes room for results and calls the compiled kernels.

Buffers are C-contiguous float32 numpy arrays. The kernels get pointers and counts, so nothing may reach them unchecked.
"""

import math
import mmap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from runtime.config import RopeConfig
from runtime.errors import KernelUnavailableError
from runtime.kernels.checks import check_in_range, check_int32, check_shape
from runtime.kernels.cpu import _cpu
from runtime.kernels.cpu.threads import default_num_threads
from runtime.kernels.ops import PAGE_SIZE, KVShape, MatmulActivation, PageTable
from runtime.kernels.rope_frequencies import rope_frequencies

_ACTIVATIONS: dict[MatmulActivation | None, _cpu.Activation] = {
    None: _cpu.Activation.none,
    "silu": _cpu.Activation.silu,
    "gelu": _cpu.Activation.gelu,
    "gelu_tanh": _cpu.Activation.gelu_tanh,
}


@dataclass(frozen=True)
class CpuKVPool:
    """K and V of every layer: each [L, num_pages, K, PAGE_SIZE, D], float16 or float32."""

    shape: KVShape
    k: np.ndarray
    v: np.ndarray
    handle: _cpu.KvPool


def _untouched_zeros(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Zeros whose memory the system gives page by page as it is written to.

    numpy asks for huge pages, of which the first token of every layer would take one: most of the pool at once.
    """
    num_bytes = math.prod(shape) * dtype.itemsize
    return np.frombuffer(mmap.mmap(-1, num_bytes), dtype).reshape(shape)


class CpuBackend:
    """The ops in C++. A result's row has the same bits whatever else is computed, and on how many threads.

    Calls from several threads are safe and take turns. A forked child works too: it starts threads of its own.
    """

    name = "cpu"

    def __init__(self, num_threads: int | None = None, instruction_set: str = "") -> None:
        """
        Args:
            num_threads: None for `default_num_threads()`.
            instruction_set: one of `describe()["instruction_sets"]`; the best by default. It changes speed only.
        """
        self._executor = _cpu.Executor(num_threads or default_num_threads(), instruction_set)
        self._formats = {name: (block_size, block_bytes) for name, block_size, block_bytes in _cpu.formats()}

    def describe(self) -> dict[str, Any]:
        used = self._executor.instruction_set
        others = [name for name in _cpu.instruction_sets() if name != used]
        return {"backend": self.name, "instruction_sets": [used, *others], "threads": self._executor.num_threads}

    # memory ------------------------------------------------------------------------------------------------------
    def load_weight(self, data: np.ndarray, format: str, shape: tuple[int, int]) -> _cpu.Weight:
        if format not in self._formats:
            raise KernelUnavailableError(
                f"Weights stored as {format} cannot be read; this build reads {', '.join(self._formats)}.",
                op="load_weight",
                backend=self.name,
            )
        if not isinstance(data, np.ndarray) or data.dtype != np.uint8:
            raise TypeError(f"data must be a uint8 numpy array of stored bytes, got {_kind(data)}.")
        num_outputs, num_inputs = shape
        block_size, block_bytes = self._formats[format]
        if num_outputs < 1 or num_inputs < 1 or num_inputs % block_size:
            raise ValueError(f"A {format} matrix of shape {list(shape)} does not fit blocks of {block_size} weights.")
        num_bytes = num_outputs * (num_inputs // block_size) * block_bytes
        if data.size != num_bytes:
            raise ValueError(f"A {format} matrix of shape {list(shape)} takes {num_bytes} bytes, got {data.size}.")
        return _cpu.Weight(np.ascontiguousarray(data).reshape(-1), format, num_outputs, num_inputs)

    def from_numpy(self, array: np.ndarray) -> np.ndarray:
        return np.array(array, dtype=np.float32, order="C")

    def to_numpy(self, buffer: np.ndarray) -> np.ndarray:
        return buffer

    def new_kv_pool(self, shape: KVShape) -> CpuKVPool:
        dtype = np.dtype({"f32": "f4", "f16": "f2"}[shape.dtype])
        sizes = (shape.num_layers, shape.num_pages, shape.num_kv_heads, PAGE_SIZE, shape.head_dim)
        try:
            k, v = _untouched_zeros(sizes, dtype), _untouched_zeros(sizes, dtype)
        except (MemoryError, OSError, OverflowError) as error:
            raise MemoryError(
                f"A KV pool of {shape.num_pages} pages takes {shape.num_pages * shape.page_bytes:,} bytes, "
                "more than there are; ask for fewer pages."
            ) from error
        handle = _cpu.KvPool(
            k.reshape(-1).view(np.uint8),
            v.reshape(-1).view(np.uint8),
            shape.num_layers,
            shape.dtype == "f16",
            shape.num_pages,
            shape.num_kv_heads,
            shape.head_dim,
        )
        return CpuKVPool(shape, k, v, handle)

    # rows --------------------------------------------------------------------------------------------------------
    def embed(self, input_ids: np.ndarray, table: _cpu.Weight, scale: float = 1.0) -> np.ndarray:
        check_int32("input_ids", input_ids)
        out = np.empty((len(input_ids), table.shape[1]), np.float32)
        _cpu.embed(self._executor, input_ids, table, scale, out)
        return out

    def take_rows(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        _check_buffer("x", x)
        check_int32("rows", rows)
        check_in_range("rows", rows, x.shape[0])
        taken: np.ndarray = x[rows]
        return taken

    def add(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        _check_buffer("x", x)
        _check_buffer("y", y, x.shape)
        out = np.empty_like(x)
        _cpu.add(self._executor, x, y, out)
        return out

    def rms_norm(self, x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
        _check_buffer("x", x)
        _check_buffer("weight", weight, x.shape[-1:])
        out = np.empty_like(x)
        _cpu.rms_norm(self._executor, x, weight, eps, out)
        return out

    def layer_norm(self, x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float) -> np.ndarray:
        _check_buffer("x", x)
        _check_buffer("weight", weight, x.shape[-1:])
        _check_buffer("bias", bias, x.shape[-1:])
        out = np.empty_like(x)
        _cpu.layer_norm(self._executor, x, weight, bias, eps, out)
        return out

    # matrices ----------------------------------------------------------------------------------------------------
    def quant_matmul(
        self,
        x: np.ndarray,
        weight: _cpu.Weight,
        *,
        bias: np.ndarray | None = None,
        addend: np.ndarray | None = None,
        row_scale: np.ndarray | None = None,
        residual: np.ndarray | None = None,
        activation: MatmulActivation | None = None,
    ) -> np.ndarray:
        num_outputs, num_inputs = weight.shape
        _check_buffer("x", x, (-1, num_inputs))
        _check_optional("bias", bias, (num_outputs,))
        _check_optional("addend", addend, (x.shape[0], num_outputs))
        _check_optional("row_scale", row_scale, (num_outputs,))
        _check_optional("residual", residual, (x.shape[0], num_outputs))
        out = np.empty((x.shape[0], num_outputs), np.float32)
        _cpu.quant_matmul(
            self._executor, x, weight, bias, addend, row_scale, residual, _find_activation(activation), 0.0, out
        )
        return out

    def gated_matmul(
        self,
        x: np.ndarray,
        gate: _cpu.Weight,
        up: _cpu.Weight,
        activation: MatmulActivation,
        *,
        gate_addend: np.ndarray | None = None,
        up_addend: np.ndarray | None = None,
        gate_row_scale: np.ndarray | None = None,
        up_row_scale: np.ndarray | None = None,
    ) -> np.ndarray:
        check_shape("up", up.shape, gate.shape)
        num_outputs, num_inputs = gate.shape
        _check_buffer("x", x, (-1, num_inputs))
        _check_optional("gate_addend", gate_addend, (x.shape[0], num_outputs))
        _check_optional("up_addend", up_addend, (x.shape[0], num_outputs))
        _check_optional("gate_row_scale", gate_row_scale, (num_outputs,))
        _check_optional("up_row_scale", up_row_scale, (num_outputs,))
        gated = np.empty((x.shape[0], num_outputs), np.float32)
        out = np.empty_like(gated)
        _cpu.gated_matmul(
            self._executor,
            x,
            gate,
            up,
            _find_activation(activation),
            gate_addend,
            up_addend,
            gate_row_scale,
            up_row_scale,
            gated,
            out,
        )
        return out

    def logits(self, x: np.ndarray, head: _cpu.Weight, softcap: float | None = None) -> np.ndarray:
        num_outputs, num_inputs = head.shape
        _check_buffer("x", x, (-1, num_inputs))
        out = np.empty((x.shape[0], num_outputs), np.float32)
        _cpu.quant_matmul(
            self._executor, x, head, None, None, None, None, _cpu.Activation.none, _softcap_or_zero(softcap), out
        )
        return out

    # attention ---------------------------------------------------------------------------------------------------
    def rope(
        self, x: np.ndarray, positions: np.ndarray, rope: RopeConfig, freq_factors: np.ndarray | None = None
    ) -> np.ndarray:
        check_int32("positions", positions)
        _check_buffer("x", x, (len(positions), -1, -1))
        if rope.dim > x.shape[-1]:
            raise ValueError(f"RoPE over {rope.dim} elements does not fit heads of {x.shape[-1]}.")
        out = np.empty_like(x)
        _cpu.rope(self._executor, x, positions, rope_frequencies(rope, freq_factors), rope.interleaved, out)
        return out

    def reshape(self, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        _check_buffer("x", x)
        if x.size != np.prod(shape, dtype=np.int64):
            raise ValueError(f"{list(x.shape)} cannot be seen as {list(shape)}: the number of values differs.")
        return x.reshape(shape)

    def write_kv(self, pool: CpuKVPool, layer_idx: int, pages: PageTable, k: np.ndarray, v: np.ndarray) -> None:
        _check_buffer("k", k, (-1, pool.shape.num_kv_heads, pool.shape.head_dim))
        _check_buffer("v", v, k.shape)
        _check_step(pool, layer_idx, pages)
        _cpu.write_kv(self._executor, pool.handle, layer_idx, pages.page_ids, pages.query_starts, pages.kv_lens, k, v)

    def paged_attention(
        self,
        q: np.ndarray,
        pool: CpuKVPool,
        layer_idx: int,
        pages: PageTable,
        scale: float,
        window: int | None = None,
        softcap: float | None = None,
    ) -> np.ndarray:
        _check_buffer("q", q, (-1, -1, pool.shape.head_dim))
        _check_heads(q.shape[1], pool.shape.num_kv_heads)
        _check_step(pool, layer_idx, pages)
        if window is not None and window < 1:
            raise ValueError(f"window is {window}; a token sees at least itself, so it must be 1 or more.")
        out = np.empty_like(q)
        _cpu.paged_attention(
            self._executor,
            q,
            pool.handle,
            layer_idx,
            pages.page_ids,
            pages.query_starts,
            pages.kv_lens,
            scale,
            window or 0,
            _softcap_or_zero(softcap),
            out,
        )
        return out

    def packed_attention(
        self, q: np.ndarray, k: np.ndarray, v: np.ndarray, cu_seqlens: np.ndarray, scale: float, *, causal: bool
    ) -> np.ndarray:
        _check_buffer("q", q, (-1, -1, -1))
        _check_buffer("k", k, (q.shape[0], -1, q.shape[2]))
        _check_buffer("v", v, k.shape)
        _check_heads(q.shape[1], k.shape[1])
        check_int32("cu_seqlens", cu_seqlens)
        if cu_seqlens.size == 0:
            raise ValueError("cu_seqlens is empty; it holds the start of every sequence and the number of rows.")
        out = np.empty_like(q)
        _cpu.packed_attention(self._executor, q, k, v, cu_seqlens, scale, causal, out)
        return out


def _check_buffer(name: str, buffer: np.ndarray, shape: Sequence[int] | None = None) -> None:
    if not isinstance(buffer, np.ndarray) or buffer.dtype != np.float32:
        raise TypeError(f"{name} must be a float32 numpy array, got {_kind(buffer)}.")
    if not buffer.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous; pass np.ascontiguousarray({name}).")
    if shape is not None:
        check_shape(name, buffer.shape, shape)


def _check_optional(name: str, buffer: np.ndarray | None, shape: Sequence[int]) -> None:
    if buffer is not None:
        _check_buffer(name, buffer, shape)


def _check_heads(num_heads: int, num_kv_heads: int) -> None:
    if num_kv_heads == 0 or num_heads % num_kv_heads:
        raise ValueError(f"{num_heads} query heads cannot share {num_kv_heads} kv heads evenly.")


def _check_step(pool: CpuKVPool, layer_idx: int, pages: PageTable) -> None:
    """Kinds and sizes of a step's index arrays; their values are checked natively, where a loop costs nothing."""
    if not 0 <= layer_idx < pool.shape.num_layers:
        raise ValueError(f"layer_idx is {layer_idx}; the pool holds {pool.shape.num_layers} layers.")
    check_int32("page_ids", pages.page_ids, ndim=2)
    check_int32("query_starts", pages.query_starts)
    check_int32("kv_lens", pages.kv_lens)
    num_sequences = len(pages.kv_lens)
    check_shape("query_starts", pages.query_starts.shape, (num_sequences + 1,))
    check_shape("page_ids", pages.page_ids.shape, (num_sequences, -1))


def _find_activation(name: MatmulActivation | None) -> _cpu.Activation:
    if name not in _ACTIVATIONS:
        raise ValueError(f"activation is {name!r}; known are {', '.join(get_args(MatmulActivation))}.")
    return _ACTIVATIONS[name]


def _softcap_or_zero(softcap: float | None) -> float:
    """The kernels take 0 for none."""
    if softcap is None:
        return 0.0
    if not softcap > 0:
        raise ValueError(f"softcap is {softcap}; it must be positive.")
    return softcap


def _kind(value: object) -> str:
    return f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__
