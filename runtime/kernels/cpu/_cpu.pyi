"""The compiled kernels. Arguments are not checked here beyond dtype and C order: `backend.py` does that."""

from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_Floats: TypeAlias = NDArray[np.float32]
_Ints: TypeAlias = NDArray[np.int32]
_Tensor: TypeAlias = object  # whatever exports DLPack: float32 or bfloat16, in C order

class Activation(Enum):
    none = 0
    silu = 1
    gelu = 2
    gelu_tanh = 3

class Executor:
    """A thread pool and an instruction set. Raises ValueError for an instruction set this machine lacks."""

    def __init__(self, num_threads: int, instruction_set: str = "") -> None: ...
    @property
    def num_threads(self) -> int: ...
    @property
    def instruction_set(self) -> str: ...

class Weight:
    """A matrix over stored bytes, which it keeps alive."""

    def __init__(self, data: NDArray[np.uint8], format: str, num_outputs: int, num_inputs: int) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def format(self) -> str: ...

class KvPool:
    """Pages over two byte arrays, which it keeps alive."""

    def __init__(
        self,
        k: NDArray[np.uint8],
        v: NDArray[np.uint8],
        num_layers: int,
        is_half: bool,
        num_pages: int,
        num_kv_heads: int,
        head_dim: int,
    ) -> None: ...

def instruction_sets() -> list[str]:
    """Those this machine runs, best first."""

def formats() -> list[tuple[str, int, int]]:
    """(name, weights a block, bytes a block) of every readable format."""

def embed(executor: Executor, ids: _Ints, table: Weight, scale: float, out: _Floats, /) -> None: ...
def add(executor: Executor, x: _Floats, y: _Floats, out: _Floats, /) -> None: ...
def rms_norm(executor: Executor, x: _Floats, weight: _Floats, eps: float, out: _Floats, /) -> None: ...
def layer_norm(executor: Executor, x: _Floats, weight: _Floats, bias: _Floats, eps: float, out: _Floats, /) -> None: ...
def quant_matmul(
    executor: Executor,
    x: _Floats,
    weight: Weight,
    bias: _Floats | None,
    addend: _Floats | None,
    row_scale: _Floats | None,
    residual: _Floats | None,
    activation: Activation,
    softcap: float,
    out: _Floats,
) -> None: ...
def gated_matmul(
    executor: Executor,
    x: _Floats,
    gate: Weight,
    up: Weight,
    activation: Activation,
    gate_addend: _Floats | None,
    up_addend: _Floats | None,
    gate_row_scale: _Floats | None,
    up_row_scale: _Floats | None,
    gated: _Floats,
    out: _Floats,
) -> None: ...
def rope(
    executor: Executor,
    x: _Floats,
    positions: _Ints,
    frequencies: NDArray[np.float64],
    is_interleaved: bool,
    out: _Floats,
    /,
) -> None: ...
def write_kv(
    executor: Executor,
    pool: KvPool,
    layer_idx: int,
    page_ids: _Ints,
    query_starts: _Ints,
    kv_lens: _Ints,
    k: _Floats,
    v: _Floats,
    /,
) -> None: ...
def paged_attention(
    executor: Executor,
    q: _Floats,
    pool: KvPool,
    layer_idx: int,
    page_ids: _Ints,
    query_starts: _Ints,
    kv_lens: _Ints,
    scale: float,
    window: int,
    softcap: float,
    out: _Floats,
    /,
) -> None: ...
def packed_attention(
    executor: Executor,
    q: _Floats,
    k: _Floats,
    v: _Floats,
    cu_seqlens: _Ints,
    scale: float,
    causal: bool,
    out: _Floats,
    /,
) -> None: ...
def read_memory(executor: Executor, words: NDArray[np.uint64], /) -> int: ...

class Team:
    """Threads for training: those of an OpenMP library that the process has loaded, such as torch's, else a pool."""

    def __init__(self, num_threads: int, instruction_set: str = "") -> None: ...
    @property
    def num_threads(self) -> int: ...
    @property
    def is_borrowed(self) -> bool: ...

def train_norm(
    team: Team,
    x: _Tensor,
    delta: _Tensor | None,
    weight: _Tensor,
    eps: float,
    sum: _Tensor | None,
    y: _Tensor,
    inverse_rms: _Tensor,
) -> None: ...
def train_norm_gradient(
    team: Team,
    x: _Tensor,
    dy: _Tensor,
    dsum: _Tensor | None,
    weight: _Tensor,
    inverse_rms: _Tensor,
    dx: _Tensor,
) -> None: ...
def train_gate(team: Team, gate_up: _Tensor, activation: Activation, hidden: _Tensor) -> None: ...
def train_gate_gradient(
    team: Team, gate_up: _Tensor, dhidden: _Tensor, activation: Activation, dgate_up: _Tensor, hidden: _Tensor
) -> None: ...
def train_heads(
    team: Team,
    rows: _Tensor,
    column: int,
    num_heads: int,
    head_dim: int,
    cu_seqlens: _Tensor,
    cos: _Tensor | None,
    sin: _Tensor | None,
    repeats: int,
    grouped: _Tensor,
) -> None: ...
def train_heads_gradient(
    team: Team,
    grouped: _Tensor,
    column: int,
    num_heads: int,
    head_dim: int,
    cu_seqlens: _Tensor,
    cos: _Tensor | None,
    sin: _Tensor | None,
    rows: _Tensor,
) -> None: ...
def train_attention_gradient(team: Team, scores: _Tensor, dprobs: _Tensor, window: int, scale: float) -> None: ...
def train_loss(
    team: Team,
    logits: _Tensor,
    targets: _Tensor,
    softcap: float,
    keeps_gradient: bool,
    mass: _Tensor,
    chosen: _Tensor,
) -> None: ...
