"""Virtual tokens: what an adapter puts in front of every sequence, instead of changing a matrix.

A soft prompt is embeddings that the model reads like any other (prompt tuning, Lester et al., arXiv:2104.08691). A
prefix is the keys and values of every layer themselves (prefix tuning, Li & Liang, arXiv:2101.00190). Either takes the
first P positions of a sequence, the tokens of a request follow, and a sliding window slides past it as past any token.

Among the ids of a sequence virtual tokens are −1 … −P, which no vocabulary has: pages, positions and the comparison of
ids then need to know nothing of them.
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from runtime.config import ModelConfig
from runtime.errors import AdapterError
from runtime.kernels.ops import Backend, Buffer, KVPool, PageTable, Weight


@dataclass(frozen=True, eq=False)
class SoftPromptWeights:
    """Embeddings in front of every sequence. Raises ValueError for another shape or type.

    They are what the first layer takes: a scale that a model gives its embeddings (Gemma) is in them already.
    """

    embeddings: np.ndarray  # [P, E] float32
    name: str = "adapter"

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or self.embeddings.dtype != np.float32 or not self.embeddings.size:
            raise ValueError(
                f"A soft prompt is a float32 matrix [P, E], got {self.embeddings.dtype} of shape "
                f"{self.embeddings.shape}."
            )

    @property
    def num_tokens(self) -> int:
        """P."""
        return len(self.embeddings)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what it does, 64 hexadecimal digits; the name does not count."""
        whole = hashlib.sha256(f"soft prompt\n{self.embeddings.shape}\n".encode())
        whole.update(np.ascontiguousarray(self.embeddings, "<f4").tobytes())
        return whole.hexdigest()


@dataclass(frozen=True, eq=False)
class PrefixWeights:
    """Keys and values in front of those of every sequence. Raises ValueError for other shapes or types.

    They are as the cache of the model's file holds them: keys after their norm and rotation, their elements in the
    order of that file's queries.
    """

    keys: np.ndarray  # [layers, P, K, D] float32
    values: np.ndarray  # [layers, P, K, D] float32
    name: str = "adapter"

    def __post_init__(self) -> None:
        for part, array in (("keys", self.keys), ("values", self.values)):
            if array.ndim != 4 or array.dtype != np.float32 or not array.size or array.shape != self.keys.shape:
                raise ValueError(
                    f"A prefix has float32 keys and values [layers, P, K, D] of one shape, got {part} of "
                    f"{array.dtype} and shape {array.shape} beside keys of shape {self.keys.shape}."
                )

    @property
    def num_tokens(self) -> int:
        """P."""
        return int(self.keys.shape[1])

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what it does, 64 hexadecimal digits; the name does not count."""
        whole = hashlib.sha256(f"prefix\n{self.keys.shape}\n".encode())
        for array in (self.keys, self.values):
            whole.update(np.ascontiguousarray(array, "<f4").tobytes())
        return whole.hexdigest()


VirtualTokens = SoftPromptWeights | PrefixWeights


def virtual_ids(num_tokens: int) -> range:
    """−1 … −num_tokens: what stands for virtual tokens among the ids of a sequence."""
    return range(-1, -1 - num_tokens, -1)


def check_virtual_tokens_fit(adapter: VirtualTokens, config: ModelConfig) -> None:
    """Hold virtual tokens against a model. Raises AdapterError."""
    found: tuple[int, ...]
    expected: tuple[int, ...]
    if isinstance(adapter, SoftPromptWeights):
        found, expected, what = adapter.embeddings.shape[1:], (config.hidden_size,), "embeddings of the size"
    else:
        layers, _, *heads = adapter.keys.shape
        found, expected = (layers, *heads), (config.num_layers, config.num_kv_heads, config.head_dim)
        what = "keys and values of the layers, heads and head size"
    if found != expected:
        raise AdapterError(
            f"Adapter {adapter.name!r} has {what} {_shown(found)}; this model's are {_shown(expected)}. Use it with "
            "the model it was trained for."
        )
    if adapter.num_tokens >= config.max_seq_len:
        raise AdapterError(
            f"Adapter {adapter.name!r} has {adapter.num_tokens} virtual tokens, which leave nothing of this model's "
            f"context of {config.max_seq_len}. Use it with the model it was trained for."
        )


def embed_with_soft_prompt(
    backend: Backend, embeddings: np.ndarray, input_ids: np.ndarray, table: Weight, scale: float
) -> Buffer:
    """`Backend.embed` for ids [T] of which −1 … −P stand for the rows of `embeddings` [P, E]. Returns [T, E].

    Raises ValueError for an id that is neither of these nor in the table.
    """
    is_virtual = input_ids < 0
    rows = -1 - input_ids[is_virtual]
    if len(rows) and rows.max() >= len(embeddings):
        raise ValueError(f"There are {len(embeddings)} virtual tokens; the id {-1 - rows.max()} stands for none.")
    x = backend.embed(np.where(is_virtual, 0, input_ids).astype(np.int32), table, scale)
    if not len(rows):
        return x
    embedded = np.array(backend.to_numpy(x))
    embedded[is_virtual] = embeddings[rows]
    return backend.from_numpy(embedded)


def write_prefix(backend: Backend, prefix: tuple[tuple[Buffer, Buffer], ...], pages: PageTable, pool: KVPool) -> None:
    """Store the rows of k, v [P, K, D] of every layer that belong to the positions which `pages` says are new."""
    rows = pages.positions()
    for layer_idx, (k, v) in enumerate(prefix):
        backend.write_kv(pool, layer_idx, pages, backend.take_rows(k, rows), backend.take_rows(v, rows))


def _shown(sizes: tuple[int, ...]) -> str:
    return ", ".join(map(str, sizes))
