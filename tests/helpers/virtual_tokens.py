"""Virtual tokens with random values, large enough to be heard, and a decoder run with them without the engine."""

from collections.abc import Sequence

import numpy as np

from runtime.config import ModelConfig
from runtime.kernels.ops import KVDtype
from runtime.layers.virtual_tokens import PrefixWeights, SoftPromptWeights, VirtualTokens, virtual_ids
from runtime.models.decoder import Decoder
from tests.helpers.decoding import new_pool, one_sequence

KINDS = ("prompt", "prefix")


def random_virtual_tokens(kind: str, config: ModelConfig, num_tokens: int = 5, seed: int = 3) -> VirtualTokens:
    """An adapter of either kind for a model."""
    rng = np.random.default_rng(seed)
    if kind == "prompt":
        return SoftPromptWeights(rng.standard_normal((num_tokens, config.hidden_size)).astype(np.float32), kind)
    shape = (2, config.num_layers, num_tokens, config.num_kv_heads, config.head_dim)
    return PrefixWeights(*rng.standard_normal(shape).astype(np.float32), kind)


def logits_after_virtual_tokens(
    decoder: Decoder, adapter: VirtualTokens, input_ids: Sequence[int] | np.ndarray, dtype: KVDtype = "f32"
) -> np.ndarray:
    """[T, V]: the logits of the given ids, over pages laid out by hand."""
    num_virtual, num_tokens = adapter.num_tokens, adapter.num_tokens + len(input_ids)
    pool = new_pool(decoder, num_tokens, dtype)
    start = 0
    if isinstance(adapter, PrefixWeights):
        decoder.write_prefix(adapter, one_sequence(0, num_virtual), pool)
        start = num_virtual
    ids = np.array([*virtual_ids(num_virtual), *input_ids], np.int32)[start:]
    rows = np.arange(num_virtual - start, len(ids), dtype=np.int32)
    return decoder.forward(ids, one_sequence(start, num_tokens), pool, rows, adapter)
