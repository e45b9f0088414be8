"""The frozen weights of a decoder as training wants them: matrices that share an input laid into one.

q, k and v are one matrix, gate and up another, so that a layer runs four products instead of seven. The rows of q and k
are put into the order in which halves of a head rotate together, whatever the file's: every model then takes the same
path, and the rows of an adapter's b are put back when it leaves (`row_order`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from runtime.config import ModelConfig
from runtime.errors import UnsupportedModelError
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.names import check_tensors
from runtime.models.registry import build_config
from runtime.quant import dequantize

DtypeName = Literal["bfloat16", "float32"]
_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
_ROWS_AT_ONCE = 8192  # of a matrix, so that its float32 values are never all in memory


@dataclass(frozen=True, eq=False)
class FrozenMatrix:
    """A matrix that takes no gradient, kept as values or, to save memory, as the file stores it."""

    shape: tuple[int, int]  # (N, K)
    read: Callable[[], torch.Tensor]  # its values [N, K] in the dtype of the computation


@dataclass(frozen=True, kw_only=True, eq=False)
class FrozenLinear:
    """Linear maps of one input, run as one product."""

    names: tuple[str, ...]  # as in GGUF without ".weight": "blk.3.attn_q"
    sizes: tuple[int, ...]  # outputs of each
    matrix: FrozenMatrix
    bias: torch.Tensor | None = None  # [sum of sizes]


@dataclass(frozen=True, kw_only=True, eq=False)
class FrozenLayer:
    """One layer; norms are float32 vectors."""

    attention_norm: torch.Tensor
    qkv: FrozenLinear
    output: FrozenLinear
    feed_forward_norm: torch.Tensor
    gate_up: FrozenLinear
    down: FrozenLinear
    q_norm: torch.Tensor | None = None
    k_norm: torch.Tensor | None = None
    post_attention_norm: torch.Tensor | None = None
    post_feed_forward_norm: torch.Tensor | None = None

    @property
    def linears(self) -> tuple[FrozenLinear, ...]:
        """The four products, in the order they run."""
        return self.qkv, self.output, self.gate_up, self.down


@dataclass(frozen=True, kw_only=True, eq=False)
class FrozenDecoder:
    """A decoder whose weights stay as they are."""

    config: ModelConfig
    dtype: torch.dtype  # of matrices and activations
    embedding: FrozenMatrix
    layers: tuple[FrozenLayer, ...]
    output_norm: torch.Tensor
    head: FrozenMatrix
    rope_freq_factors: np.ndarray | None = None

    def module_shapes(self) -> dict[str, tuple[int, int]]:
        """(N, K) of every matrix an adapter may change, by name, in the order they run."""
        return {
            name: (size, linear.matrix.shape[1])
            for layer in self.layers
            for linear in layer.linears
            for name, size in zip(linear.names, linear.sizes, strict=True)
        }


def load_frozen_decoder(
    path: str | Path, dtype: torch.dtype | DtypeName = torch.bfloat16, *, keep_quantized: bool = False
) -> FrozenDecoder:
    """The decoder of a GGUF file, ready to be trained against.

    Args:
        dtype: bfloat16, or float32 for tests and for processors without bfloat16 products; its name will do.
        keep_quantized: leave the layers' matrices in the file and dequantise each when it is needed, twice a step:
            less memory, more time (QLoRA, Dettmers et al., arXiv:2305.14314). The results are the same bits.

    Raises:
        LoadError: the file is damaged, or of a kind we do not run.
        UnsupportedModelError: the model is no decoder.
        ValueError: a dtype that is neither of the two.
    """
    if isinstance(dtype, str):
        dtype = _DTYPES.get(dtype, dtype)
    if not isinstance(dtype, torch.dtype) or dtype not in _DTYPES.values():
        raise ValueError(f"Training computes in bfloat16 or float32, not in {dtype}.")
    path = Path(path)
    with GGUFFile.open(path) as file:
        config = build_config(file.metadata, path)
        check_tensors(config, file.tensors, path)
        if config.kind != "decoder":
            raise UnsupportedModelError(f"{path} holds an encoder; only decoders are fine-tuned.", path)
        return _Reader(file, config, dtype, keep_quantized).decoder()


def row_order(config: ModelConfig, name: str) -> np.ndarray | None:
    """[N] places in the file of the rows that training uses for module `name`; None where they are the same.

    Only q and k of files whose neighbours rotate together (llama) differ.
    """
    part = name.rsplit(".", 1)[-1]
    if config.rope is None or not config.rope.interleaved or part not in ("attn_q", "attn_k"):
        return None
    num_heads = config.num_heads if part == "attn_q" else config.num_kv_heads
    dim = config.rope.dim
    head = np.concatenate([np.arange(0, dim, 2), np.arange(1, dim, 2), np.arange(dim, config.head_dim)])
    order: np.ndarray = (np.arange(num_heads)[:, None] * config.head_dim + head).reshape(-1)
    return order


class _Reader:
    """Builds a decoder from one open file."""

    def __init__(self, file: GGUFFile, config: ModelConfig, dtype: torch.dtype, keep_quantized: bool) -> None:
        self._file = file
        self._config = config
        self._dtype = dtype
        self._keep_quantized = keep_quantized

    def decoder(self) -> FrozenDecoder:
        embedding = self._kept(("token_embd",))
        return FrozenDecoder(
            config=self._config,
            dtype=self._dtype,
            embedding=embedding,
            layers=tuple(self._layer(f"blk.{layer_idx}") for layer_idx in range(self._config.num_layers)),
            output_norm=self._vector("output_norm.weight"),
            head=self._kept(("output",)) if self._has("output.weight") else embedding,
            rope_freq_factors=self._file.array("rope_freqs.weight") if self._has("rope_freqs.weight") else None,
        )

    def _layer(self, prefix: str) -> FrozenLayer:
        return FrozenLayer(
            attention_norm=self._vector(f"{prefix}.attn_norm.weight"),
            qkv=self._linear(f"{prefix}.attn_q", f"{prefix}.attn_k", f"{prefix}.attn_v"),
            output=self._linear(f"{prefix}.attn_output"),
            feed_forward_norm=self._vector(f"{prefix}.ffn_norm.weight"),
            gate_up=self._linear(f"{prefix}.ffn_gate", f"{prefix}.ffn_up"),
            down=self._linear(f"{prefix}.ffn_down"),
            q_norm=self._head_norm(f"{prefix}.attn_q_norm.weight"),
            k_norm=self._head_norm(f"{prefix}.attn_k_norm.weight"),
            post_attention_norm=self._optional_vector(f"{prefix}.post_attention_norm.weight"),
            post_feed_forward_norm=self._optional_vector(f"{prefix}.post_ffw_norm.weight"),
        )

    def _linear(self, *names: str) -> FrozenLinear:
        biases = [self._bias(name) for name in names]
        present = [bias for bias in biases if bias is not None]
        assert len(present) in (0, len(names)), names
        return FrozenLinear(
            names=names,
            sizes=tuple(self._file.tensors[f"{name}.weight"].shape[0] for name in names),
            matrix=self._lazy(names) if self._keep_quantized else self._kept(names),
            bias=torch.cat(present).to(self._dtype) if present else None,
        )

    def _kept(self, names: tuple[str, ...]) -> FrozenMatrix:
        values = self._values(names)()
        return FrozenMatrix((values.shape[0], values.shape[1]), lambda: values)

    def _lazy(self, names: tuple[str, ...]) -> FrozenMatrix:
        shapes = [self._file.tensors[f"{name}.weight"].shape for name in names]
        return FrozenMatrix((sum(shape[0] for shape in shapes), shapes[0][1]), self._values(names))

    def _values(self, names: tuple[str, ...]) -> Callable[[], torch.Tensor]:
        """What dequantises the matrices `names`, one under the other. It holds the stored bytes, not the file."""
        parts = [
            (self._file.data(f"{name}.weight"), self._file.tensors[f"{name}.weight"], row_order(self._config, name))
            for name in names
        ]
        num_rows, num_columns = sum(info.shape[0] for _, info, _ in parts), parts[0][1].shape[1]
        dtype = self._dtype

        def read() -> torch.Tensor:
            values = torch.empty((num_rows, num_columns), dtype=dtype)
            at = 0
            for data, info, order in parts:
                for start in range(0, info.shape[0], _ROWS_AT_ONCE):
                    rows = data[start : start + _ROWS_AT_ONCE] if order is None else data[order]
                    values[at : at + len(rows)] = torch.from_numpy(
                        dequantize(rows, info.format, (len(rows), num_columns))
                    )
                    at += len(rows)
                    if order is not None:
                        break  # q and k are small and were taken whole
            return values

        return read

    def _has(self, name: str) -> bool:
        return name in self._file.tensors

    def _vector(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self._file.array(name))

    def _optional_vector(self, name: str) -> torch.Tensor | None:
        return self._vector(name) if self._has(name) else None

    def _bias(self, name: str) -> torch.Tensor | None:
        bias = self._optional_vector(f"{name}.bias")
        order = row_order(self._config, name)
        return bias if bias is None or order is None else bias[torch.from_numpy(order)]

    def _head_norm(self, name: str) -> torch.Tensor | None:
        norm = self._optional_vector(name)
        order = row_order(self._config, name.removesuffix("_norm.weight"))
        return norm if norm is None or order is None else norm[torch.from_numpy(order[: len(norm)])]
