"""What merging an adapter into weights loses, measured: weights are stored in some format again, and that rounds.

The unmerged adapter acts in float32 beside the weights as they are stored, so it is always the more exact of the two.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from runtime.errors import AdapterError
from runtime.kernels.ops import PAGE_SIZE, PageTable
from runtime.layers.adapter import AdapterWeights
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.loaders.load import Model
from runtime.models.decoder import Decoder


@dataclass(frozen=True, kw_only=True)
class ModuleDrift:
    """One merged matrix. W is the base's as stored, W' with the adapter, S what was stored of W'."""

    module: str
    format: str  # S is stored in
    change: float  # ‖W' − W‖, Frobenius
    error: float  # ‖S − W'‖

    @property
    def lost(self) -> float:
        """The error as a share of the change: 0 keeps the adapter exactly, 1 drowns it; infinite without a change."""
        return _share(self.error, self.change)


@dataclass(frozen=True, kw_only=True)
class MergeReport:
    """A merged model and what its rounding did, module by module."""

    path: Path
    modules: tuple[ModuleDrift, ...]

    @property
    def lost(self) -> float:
        """As `ModuleDrift.lost`, over all modules together."""
        errors, changes = (drift.error for drift in self.modules), (drift.change for drift in self.modules)
        return _share(math.hypot(*errors), math.hypot(*changes))


@dataclass(frozen=True, kw_only=True)
class LogitDrift:
    """How the logits of a merged model differ from those of the adapter beside its base, on one text."""

    num_tokens: int
    max_difference: float
    max_logit: float  # the largest of the unmerged ones, in size
    num_same: int  # positions at which both find the same token the likeliest
    mean_kl: float  # of the merged from the unmerged distribution, in nats a token


def merge_matrix(base: np.ndarray, matrices: LoraMatrices) -> np.ndarray:
    """[N, K] float32, C order: what is to be stored."""
    return np.ascontiguousarray(matrices.merged_into(base), np.float32)


def drift_of(module: str, format: str, base: np.ndarray, merged: np.ndarray, stored: np.ndarray) -> ModuleDrift:
    """Measured in the order of rows that all three share."""
    return ModuleDrift(
        module=module,
        format=format,
        change=float(np.linalg.norm(merged - base)),
        error=float(np.linalg.norm(stored - merged)),
    )


def compare_logits(model: Model, adapter: AdapterWeights, merged: Model, input_ids: np.ndarray) -> LogitDrift:
    """Run `model` with the adapter, and `merged` without, over one text, `input_ids` [T] int32.

    Raises:
        AdapterError: an adapter of another model.
        SequenceTooLongError: a text past the context of one of them.
    """
    expected = _logits(model, input_ids, adapter)
    found = _logits(merged, input_ids, None)
    expected_logprobs, found_logprobs = _logprobs(expected), _logprobs(found)
    kl = (np.exp(expected_logprobs) * (expected_logprobs - found_logprobs)).sum(axis=1)
    return LogitDrift(
        num_tokens=len(input_ids),
        max_difference=float(np.abs(found - expected).max()),
        max_logit=float(np.abs(expected).max()),
        num_same=int((found.argmax(axis=1) == expected.argmax(axis=1)).sum()),
        mean_kl=float(kl.mean()),
    )


def _share(error: float, change: float) -> float:
    if change:
        return error / change
    return math.inf if error else 0.0


def mergeable(adapter: AdapterWeights) -> LoraWeights:
    """The adapter, if it is one that matrices can take up. Raises AdapterError."""
    if isinstance(adapter, LoraWeights):
        return adapter
    raise AdapterError(
        f"Adapter {adapter.name!r} adds parts of its own to the model; only LoRA and DoRA change matrices that are "
        "there and can be merged into them. Use it beside the model."
    )


def decoder_of(model: Model) -> Decoder:
    """The network that an adapter may change. Raises AdapterError for a model that makes embeddings."""
    network = model.network
    if not isinstance(network, Decoder):
        raise AdapterError(f"{model.name} makes embeddings; adapters are for models that write.")
    return network


def _logits(model: Model, input_ids: np.ndarray, adapter: AdapterWeights | None) -> np.ndarray:
    network = decoder_of(model)
    num_tokens = len(input_ids)
    num_pages = -(-num_tokens // PAGE_SIZE)
    pages = PageTable(
        page_ids=np.arange(num_pages, dtype=np.int32)[None],
        query_starts=np.array([0, num_tokens], np.int32),
        kv_lens=np.array([num_tokens], np.int32),
    )
    pool = network.backend.new_kv_pool(network.kv_shape(num_pages, "f32"))
    return network.forward(input_ids, pages, pool, np.arange(num_tokens, dtype=np.int32), adapter)


def _logprobs(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    logprobs: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logprobs
