"""The parameters of a bottleneck adapter while it is trained. Houlsby et al., arXiv:1902.00751."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial

import torch
import torch.nn.functional as F

from runtime.config import ModelConfig
from runtime.kernels.ops import MatmulActivation
from runtime.layers.bottleneck import BottleneckMatrices, BottleneckWeights, Place
from runtime.training.bottleneck_settings import BottleneckSettings
from runtime.training.trainable import TrainableAdapter, kept_layers
from runtime.training.weights import FrozenDecoder

_ACTIVATIONS: Mapping[MatmulActivation, Callable[[torch.Tensor], torch.Tensor]] = {
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
}


@dataclass(frozen=True, eq=False)
class BottleneckParameters:
    """What is trained at one place of one layer, float32; the names of `BottleneckMatrices`."""

    down: torch.Tensor  # [R, E]
    down_bias: torch.Tensor  # [R]
    up: torch.Tensor  # [E, R]
    up_bias: torch.Tensor  # [E]


class TrainableBottleneck(TrainableAdapter):
    """A small network after the chosen sublayers of each layer. Changed in place by training."""

    def __init__(self, decoder: FrozenDecoder, settings: BottleneckSettings) -> None:
        """down is drawn uniformly from ±1/sqrt(E) by `settings.seed`, the rest is zero: at first nothing changes.

        Raises:
            ValueError: more layers are to be adapted than there are.
        """
        config = decoder.config
        self.settings = settings
        self.first_layer = kept_layers(config, settings.last_layers)
        self.parameters: dict[tuple[int, Place], BottleneckParameters] = {}
        generator = torch.Generator().manual_seed(settings.seed)
        for layer_idx in range(self.first_layer, config.num_layers):
            for place in settings.places:
                self.parameters[layer_idx, place] = _drawn(config.hidden_size, settings.size, generator)

    def named_tensors(self) -> dict[str, torch.Tensor]:
        """Every part of every place: "layers.3.attention.down"."""
        return {
            f"layers.{layer_idx}.{place}.{field.name}": getattr(parameters, field.name)
            for (layer_idx, place), parameters in self.parameters.items()
            for field in fields(parameters)
        }

    def description(self) -> str:
        """The settings."""
        return repr(self.settings)

    def default_learning_rate(self, config: ModelConfig) -> float:
        """1e-3 · (1024 / hidden_size)^0.78.

        Houlsby et al. chose from 3e-5, 3e-4 and 3e-3 for a hidden size of 1024; smaller models take larger steps, by
        the rule that low-rank updates follow here. For smollm2-135m it is 1.6e-3: on GSM8K's text, with a width of 8
        and steps of 256 tokens, the held-out loss went from 2.14 to 1.97, 1.79 and 1.74 in 20 steps at 4.7e-4, 1.5e-3
        and 4e-3, and to 1.67 and 1.66 in 50 steps at the upper two.
        """
        by_size: float = (1024 / config.hidden_size) ** 0.78
        return 1e-3 * by_size

    def bottleneck(self, layer_idx: int, place: Place, x: torch.Tensor) -> torch.Tensor:
        """x + up(activation(down(x) + down_bias)) + up_bias, in the dtype of x [T, E]."""
        parameters = self.parameters.get((layer_idx, place))
        if parameters is None:
            return x
        low = F.linear(x, parameters.down.to(x.dtype), parameters.down_bias.to(x.dtype))
        low = _ACTIVATIONS[self.settings.activation](low)
        return x + F.linear(low, parameters.up.to(x.dtype), parameters.up_bias.to(x.dtype))

    def to_bottleneck_weights(self, name: str = "adapter") -> BottleneckWeights:
        """A copy of the adapter as inference and the adapter files know it."""
        places = {
            where: BottleneckMatrices(
                **{field.name: getattr(parameters, field.name).detach().numpy().copy() for field in fields(parameters)}
            )
            for where, parameters in self.parameters.items()
        }
        return BottleneckWeights(places, self.settings.activation, name)


def _drawn(hidden_size: int, size: int, generator: torch.Generator) -> BottleneckParameters:
    bound = 1 / math.sqrt(hidden_size)
    down = (torch.rand((size, hidden_size), generator=generator) * 2 - 1) * bound
    zeros = (torch.zeros(shape) for shape in ((size,), (hidden_size, size), (hidden_size,)))
    return BottleneckParameters(*(tensor.requires_grad_() for tensor in (down, *zeros)))
