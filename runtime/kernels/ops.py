"""The op contract: everything a model asks of a backend, and the types both sides share.

`reference` (torch) is the specification; every other backend must agree with it within the tolerances of
`tests/helpers/tolerances.py`, and passes the same contract classes. Buffers are opaque: a model hands them from op to
op and only `to_numpy` and `logits` turn them into arrays. Ops return new buffers and never change their inputs;
`write_kv` alone has an effect, on the pool it is given.

Shape letters: B sequences, T new tokens of all sequences together, S cached positions, H query heads, K kv heads,
D head_dim, E hidden_size, F intermediate_size, V vocab, M×N a matrix.

The KV page layout is part of the contract. For every layer a pool holds K and V, each
`[num_pages, num_kv_heads, PAGE_SIZE, head_dim]` in the pool's dtype; position p of a sequence is slot
`p % PAGE_SIZE` of page `page_ids[b, p // PAGE_SIZE]`.
"""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from runtime.config import RopeConfig

PAGE_SIZE = 16  # tokens a page
ATTENTION_CHUNK = 256  # positions reduced at once, at absolute multiples, so that no row depends on its company

Buffer = Any  # a backend's own array, float32, C order
KVDtype = Literal["f32", "f16"]
MatmulActivation = Literal["silu", "gelu", "gelu_tanh"]


class Weight(Protocol):
    """A matrix as its file stores it, owned by a backend. Made by `Backend.load_weight`."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N, K): N outputs, K inputs."""
        ...

    @property
    def format(self) -> str:
        """Name of the block format in `runtime.quant.FORMATS`, such as "Q4_1"."""
        ...


@dataclass(frozen=True, kw_only=True)
class KVShape:
    """What a KV pool must hold."""

    num_layers: int
    num_pages: int
    num_kv_heads: int
    head_dim: int
    dtype: KVDtype = "f16"

    @property
    def page_bytes(self) -> int:
        """Bytes of one page over all layers, K and V together."""
        item = 4 if self.dtype == "f32" else 2
        return 2 * self.num_layers * self.num_kv_heads * PAGE_SIZE * self.head_dim * item


class KVPool(Protocol):
    """KV storage of one backend. Made by `Backend.new_kv_pool`."""

    @property
    def shape(self) -> KVShape: ...


@dataclass(frozen=True)
class PageTable:
    """Which pages each sequence of a step lives in, and which rows of the step are its new tokens.

    Rows `query_starts[b] : query_starts[b + 1]` are the new tokens of sequence b. They sit at the last positions:
    the final one at `kv_lens[b] - 1`. Pages for them are already allocated.
    """

    page_ids: np.ndarray  # [B, max_pages] int32; entries past a sequence's last page are ignored
    query_starts: np.ndarray  # [B + 1] int32, from 0 to T
    kv_lens: np.ndarray  # [B] int32, cached positions with the new ones included

    def positions(self) -> np.ndarray:
        """[T] int32: the position of every new token in its own sequence."""
        runs = [
            np.arange(kv_len - (end - start), kv_len, dtype=np.int32)
            for start, end, kv_len in zip(self.query_starts[:-1], self.query_starts[1:], self.kv_lens, strict=True)
        ]
        return np.concatenate(runs) if runs else np.empty(0, np.int32)


class Backend(Protocol):
    """One implementation of the ops. All float arithmetic is float32 unless an op says otherwise."""

    name: str

    def describe(self) -> dict[str, Any]:
        """What runs the ops here: `backend`, `instruction_sets` (the one in use first) and `threads`."""
        ...

    # memory ------------------------------------------------------------------------------------------------------
    def load_weight(self, data: np.ndarray, format: str, shape: tuple[int, int]) -> Weight:
        """Take a matrix over from its stored bytes.

        Args:
            data: uint8, N × bytes-per-row, may be a view of a mapped file; the backend may keep or copy it.
            format: block format name.
            shape: (N, K).

        Raises:
            KernelUnavailableError: this backend cannot read `format`.
            ValueError: the byte count does not match.
        """
        ...

    def from_numpy(self, array: np.ndarray) -> Buffer:
        """A buffer with the values of a float32 array; used for norm weights, biases and tests."""
        ...

    def to_numpy(self, buffer: Buffer) -> np.ndarray:
        """The values of a buffer as float32; a copy or a view that stays valid."""
        ...

    def new_kv_pool(self, shape: KVShape) -> KVPool:
        """Zeroed KV storage. Raises MemoryError with the bytes asked for."""
        ...

    # rows --------------------------------------------------------------------------------------------------------
    def embed(self, input_ids: np.ndarray, table: Weight, scale: float = 1.0) -> Buffer:
        """[T] int32 → [T, E]: rows of the table, dequantised, times `scale`. Ids are checked against V."""
        ...

    def take_rows(self, x: Buffer, rows: np.ndarray) -> Buffer:
        """[T, …], [R] int32 → [R, …]: the named rows, in that order."""
        ...

    def add(self, x: Buffer, y: Buffer) -> Buffer:
        """Elementwise sum of two buffers of one shape."""
        ...

    def rms_norm(self, x: Buffer, weight: Buffer, eps: float) -> Buffer:
        """x / sqrt(mean(x²) + eps) · weight along the last axis. x [..., D], weight [D]. arXiv:1910.07467."""
        ...

    def layer_norm(self, x: Buffer, weight: Buffer, bias: Buffer, eps: float) -> Buffer:
        """(x − mean) / sqrt(var + eps) · weight + bias along the last axis. arXiv:1607.06450."""
        ...

    # matrices ----------------------------------------------------------------------------------------------------
    def quant_matmul(
        self,
        x: Buffer,
        weight: Weight,
        *,
        bias: Buffer | None = None,
        addend: Buffer | None = None,
        row_scale: Buffer | None = None,
        residual: Buffer | None = None,
        activation: MatmulActivation | None = None,
    ) -> Buffer:
        """activation((x @ weightᵀ + addend) · row_scale + bias) + residual.

        Args:
            x: [T, K].
            weight: (N, K) in any format of the backend.
            bias: [N].
            addend: [T, N], added before everything else: the LoRA term.
            row_scale: [N], DoRA's magnitude over norm.
            residual: [T, N], added last.
            activation: applied elementwise.

        Returns:
            [T, N]. A row has the same bits for every T on the `cpu` backend.
        """
        ...

    def gated_matmul(
        self,
        x: Buffer,
        gate: Weight,
        up: Weight,
        activation: MatmulActivation,
        *,
        gate_addend: Buffer | None = None,
        up_addend: Buffer | None = None,
        gate_row_scale: Buffer | None = None,
        up_row_scale: Buffer | None = None,
    ) -> Buffer:
        """activation((x @ gateᵀ + gate_addend) · gate_row_scale) · ((x @ upᵀ + up_addend) · up_row_scale).

        x [T, K] → [T, F]; terms as in `quant_matmul`. arXiv:2002.05202.
        """
        ...

    def logits(self, x: Buffer, head: Weight, softcap: float | None = None) -> np.ndarray:
        """[R, E] → [R, V] float32 array; `softcap` c gives c · tanh(logits / c)."""
        ...

    # attention ---------------------------------------------------------------------------------------------------
    def rope(
        self, x: Buffer, positions: np.ndarray, rope: RopeConfig, freq_factors: np.ndarray | None = None
    ) -> Buffer:
        """Rotate the first `rope.dim` of the last axis of x [T, H, D] by position · base^(−2i/dim).

        `freq_factors` [dim / 2] divides each frequency where a file carries them.
        """
        ...

    def reshape(self, x: Buffer, shape: tuple[int, ...]) -> Buffer:
        """The same values under another shape; no copy where the backend can avoid it."""
        ...

    def write_kv(self, pool: KVPool, layer_idx: int, pages: PageTable, k: Buffer, v: Buffer) -> None:
        """Store k, v [T, K, D] of the new tokens, rounded to the pool's dtype, in their pages."""
        ...

    def paged_attention(
        self,
        q: Buffer,
        pool: KVPool,
        layer_idx: int,
        pages: PageTable,
        scale: float,
        window: int | None = None,
        softcap: float | None = None,
    ) -> Buffer:
        """Causal attention of q [T, H, D] over stored pages → [T, H, D].

        A token at position p sees positions max(0, p − window + 1) … p, all read as stored, the current step
        included. Query head h reads kv head h // (H / K). Softmax runs over ATTENTION_CHUNK positions at absolute
        multiples, combined in order (arXiv:2205.14135), so a row does not depend on what else is in the step.
        """
        ...

    def packed_attention(
        self, q: Buffer, k: Buffer, v: Buffer, cu_seqlens: np.ndarray, scale: float, *, causal: bool
    ) -> Buffer:
        """Cache-free attention within each of B packed sequences: q [T, H, D], k, v [T, K, D] → [T, H, D].

        cu_seqlens [B + 1] int32 are the starts of the sequences, from 0 to T.
        """
        ...
