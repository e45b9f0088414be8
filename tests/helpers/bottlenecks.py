"""Bottleneck adapters with random values in every matrix, large enough to be heard."""

import numpy as np

from runtime.kernels.ops import MatmulActivation
from runtime.layers.bottleneck import BottleneckMatrices, BottleneckWeights, Place

BOTH: tuple[Place, ...] = ("attention", "feed_forward")


def random_matrices(rng: np.random.Generator, hidden_size: int, size: int, scale: float = 0.3) -> BottleneckMatrices:
    """Matrices of one place; every part is drawn, the biases too."""
    shapes = {"down": (size, hidden_size), "down_bias": (size,), "up": (hidden_size, size), "up_bias": (hidden_size,)}
    drawn = {name: (scale * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
    return BottleneckMatrices(**drawn)


def random_bottleneck(
    rng: np.random.Generator,
    hidden_size: int,
    *,
    size: int = 5,
    layers: tuple[int, ...] = (0, 1),
    places: tuple[Place, ...] = BOTH,
    activation: MatmulActivation = "gelu",
    name: str = "adapter",
) -> BottleneckWeights:
    """An adapter at `places` of `layers`."""
    found = {(layer, place): random_matrices(rng, hidden_size, size) for layer in layers for place in places}
    return BottleneckWeights(found, activation, name)
