"""Prefix tuning: keys and values in front of those of every sequence, in every layer, are all that is trained.

Li & Liang, arXiv:2101.00190. They are trained themselves: the network that the paper makes them with while it trains
steadies a start at random values, and here training starts at a text's (4.3 and 7.4 there).
"""

from statistics import median

import numpy as np
import torch

from runtime.config import ModelConfig
from runtime.layers.virtual_tokens import PrefixWeights
from runtime.training.forward import keys_and_values
from runtime.training.trainable import TrainableAdapter
from runtime.training.virtual_token_settings import VirtualTokenSettings
from runtime.training.weights import FrozenDecoder, row_order


class TrainablePrefix(TrainableAdapter):
    """Float32 keys and values [P, K, D] of every layer, changed in place by training.

    The elements of a key are in the order of the frozen weights; `to_prefix_weights` puts them back into the file's.
    """

    def __init__(self, decoder: FrozenDecoder, settings: VirtualTokenSettings) -> None:
        """They begin as what the model itself computes for real tokens: it has read that text before every sequence.

        Raises:
            ValueError: virtual tokens that fill the model's context, or ids it does not have.
        """
        self.settings = settings
        self.num_virtual_tokens = settings.num_tokens
        self._config: ModelConfig = decoder.config
        self.layers = tuple(
            (k.float().clone().requires_grad_(), v.float().clone().requires_grad_())
            for k, v in keys_and_values(decoder, settings.begin_ids(decoder.config))
        )
        self._typical_value = median(float(tensor.detach().square().mean().sqrt()) for tensor in self.tensors())

    def named_tensors(self) -> dict[str, torch.Tensor]:
        """Keys and values of every layer: "layers.3.keys"."""
        return {
            f"layers.{layer_idx}.{part}": tensor
            for layer_idx, pair in enumerate(self.layers)
            for part, tensor in zip(("keys", "values"), pair, strict=True)
        }

    def description(self) -> str:
        """The settings."""
        return f"prefix {self.settings!r}"

    def default_learning_rate(self, config: ModelConfig) -> float:
        """A fiftieth of the typical size of the keys and values that it begins with.

        Adam moves a value by about the rate in a step, so the rate is measured against the values. Typical is the
        middle of the tensors: in some models the keys of a layer or two are far larger than all others.
        """
        return 0.02 * self._typical_value

    def prefix(self, layer_idx: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values [P, K, D]."""
        return self.layers[layer_idx]

    def to_prefix_weights(self, name: str = "adapter") -> PrefixWeights:
        """A copy of the adapter as inference and the adapter files know it."""
        keys, values = (np.stack([pair[half].detach().numpy() for pair in self.layers]) for half in (0, 1))
        order = row_order(self._config, "blk.0.attn_k")
        if order is not None:
            rows = keys.reshape(*keys.shape[:2], -1)
            ordered = np.empty_like(rows)
            ordered[..., order] = rows
            keys = ordered.reshape(keys.shape)
        return PrefixWeights(keys, values, name)
