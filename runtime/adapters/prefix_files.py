"""Folders of prefixes (prefix tuning), as PEFT writes and reads them.

A row holds, layer after layer, a virtual token's keys of all heads and then its values. They go into the cache as they
are, so keys are stored as they look after rotation. In files of the Llama family the elements of a head's queries and
keys stand in another order than in a checkpoint (`adapters/names`): those of stored keys are put in that order when
they are read and back when they are written, as the rows that compute them would be. Values have one order everywhere.
"""

from collections.abc import Callable

import numpy as np

from runtime.adapters.folder import AdapterFolder, AdapterSummary, FolderContents
from runtime.adapters.names import rows_to_gguf, rows_to_hf
from runtime.adapters.virtual_token_files import describe_rows, read_rows, rows_contents
from runtime.config import ModelConfig
from runtime.layers.virtual_tokens import PrefixWeights
from runtime.loaders.load import Model
from runtime.models.decoder import Decoder


def read_prefix(folder: AdapterFolder, model: Model, network: Decoder) -> PrefixWeights:
    """A matrix that holds keys and values of the model's layers and heads, values finite; else AdapterError."""
    config = network.config
    sizes = _sizes(config)
    rows = read_rows(folder, sizes, 2 * config.num_layers * sizes["token_dim"], config.max_seq_len)
    halves = rows.reshape(len(rows), config.num_layers, 2, config.num_kv_heads, config.head_dim)
    keys, values = (np.ascontiguousarray(halves[:, :, half].swapaxes(0, 1)) for half in (0, 1))
    return PrefixWeights(_reordered(keys, config, rows_to_gguf), values, folder.name)


def describe_prefix(folder: AdapterFolder) -> AdapterSummary:
    """By the settings and the header of the tensor file alone. Raises AdapterError."""
    return describe_rows(folder, "prefix tuning")


def prefix_contents(adapter: PrefixWeights, config: ModelConfig) -> FolderContents:
    """What the two files are to hold."""
    halves = np.stack([_reordered(adapter.keys, config, rows_to_hf), adapter.values], axis=1)  # [layers, 2, P, K, D]
    rows = np.moveaxis(halves, 2, 0).reshape(adapter.num_tokens, -1)
    return rows_contents("PREFIX_TUNING", np.ascontiguousarray(rows), _sizes(config))


def _reordered(
    keys: np.ndarray, config: ModelConfig, reorder: Callable[[ModelConfig, str, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Keys [layers, P, K, D] with the elements of every head in the other order."""
    rows = keys.reshape(-1, config.num_kv_heads * config.head_dim).T
    return np.ascontiguousarray(reorder(config, "blk.0.attn_k", rows).T).reshape(keys.shape)


def _sizes(config: ModelConfig) -> dict[str, int]:
    return {
        "token_dim": config.num_kv_heads * config.head_dim,
        "num_attention_heads": config.num_kv_heads,
        "num_layers": config.num_layers,
    }
