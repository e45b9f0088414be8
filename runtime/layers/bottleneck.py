"""Bottleneck adapters: a small network after attention, after the feed-forward, or after both.

y + up(activation(down(y) + down_bias)) + up_bias takes the place of a sublayer's output y, before that is added to the
residual stream; where a model norms what a sublayer adds (Gemma), y is normed already. Houlsby et al.,
arXiv:1902.00751; after the feed-forward alone it is the placement of Pfeiffer et al., arXiv:2005.00247.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from runtime.config import ModelConfig
from runtime.errors import AdapterError
from runtime.kernels.ops import Backend, Buffer, MatmulActivation, Weight
from runtime.layers.float32_matrix import load_float32

Place = Literal["attention", "feed_forward"]


@dataclass(frozen=True, eq=False)
class BottleneckMatrices:
    """What stands at one place of one layer. Raises ValueError for shapes that do not go together."""

    down: np.ndarray  # [R, E] float32
    down_bias: np.ndarray  # [R] float32
    up: np.ndarray  # [E, R] float32
    up_bias: np.ndarray  # [E] float32

    def __post_init__(self) -> None:
        if self.down.ndim != 2 or not all(self.down.shape):
            raise ValueError(f"A bottleneck's down must be a matrix [R, E], got the shape {self.down.shape}.")
        size, hidden_size = self.down.shape
        shapes = {
            "down": (size, hidden_size),
            "down_bias": (size,),
            "up": (hidden_size, size),
            "up_bias": (hidden_size,),
        }
        for name, shape in shapes.items():
            array: np.ndarray = getattr(self, name)
            if array.dtype != np.float32 or array.shape != shape:
                raise ValueError(
                    f"A bottleneck's {name} must be float32 of shape {shape} beside a down of {self.down.shape}, got "
                    f"{array.dtype} of shape {array.shape}."
                )


@dataclass(frozen=True, eq=False)
class BottleneckWeights:
    """One adapter: layer and place → what stands there. Compared by identity: the same adapter is the same object.

    Raises ValueError for an activation that no backend has.
    """

    places: Mapping[tuple[int, Place], BottleneckMatrices]
    activation: MatmulActivation = "gelu"
    name: str = "adapter"

    def __post_init__(self) -> None:
        if self.activation not in get_args(MatmulActivation):
            raise ValueError(
                f"There is no activation {self.activation!r}; there are {', '.join(get_args(MatmulActivation))}."
            )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what it does, 64 hexadecimal digits; the name and the order of the places do not count."""
        whole = hashlib.sha256(f"bottleneck\n{self.activation}\n".encode())
        for (layer_idx, place), matrices in sorted(self.places.items()):
            whole.update(f"{layer_idx}\n{place}\n{matrices.down.shape}\n".encode())
            for part in (matrices.down, matrices.down_bias, matrices.up, matrices.up_bias):
                whole.update(np.ascontiguousarray(part, "<f4").tobytes())
        return whole.hexdigest()


@dataclass(frozen=True)
class LoadedBottleneck:
    """What stands at one place, in one backend's memory."""

    down: Weight
    down_bias: Buffer
    up: Weight
    up_bias: Buffer
    activation: MatmulActivation


LoadedBottlenecks = Mapping[tuple[int, Place], LoadedBottleneck]


def load_bottlenecks(backend: Backend, adapter: BottleneckWeights) -> LoadedBottlenecks:
    """The adapter's matrices as weights of `backend`."""
    return {
        where: LoadedBottleneck(
            down=load_float32(backend, matrices.down),
            down_bias=backend.from_numpy(matrices.down_bias),
            up=load_float32(backend, matrices.up),
            up_bias=backend.from_numpy(matrices.up_bias),
            activation=adapter.activation,
        )
        for where, matrices in adapter.places.items()
    }


def check_bottlenecks_fit(adapter: BottleneckWeights, config: ModelConfig) -> None:
    """Hold an adapter against the layers of a model and their size. Raises AdapterError."""
    for (layer_idx, place), matrices in adapter.places.items():
        hidden_size = matrices.down.shape[1]
        if not 0 <= layer_idx < config.num_layers or hidden_size != config.hidden_size:
            raise AdapterError(
                f"Adapter {adapter.name!r} stands after the {place} of layer {layer_idx} with {hidden_size} inputs; "
                f"this model has {config.num_layers} layers, counted from 0, and a hidden size of "
                f"{config.hidden_size}. Use it with the model it was trained for."
            )


def apply_bottleneck(backend: Backend, bottleneck: LoadedBottleneck, y: Buffer) -> Buffer:
    """A sublayer's output y [T, E] → what takes its place, [T, E]."""
    hidden = backend.quant_matmul(y, bottleneck.down, bias=bottleneck.down_bias, activation=bottleneck.activation)
    return backend.quant_matmul(hidden, bottleneck.up, bias=bottleneck.up_bias, residual=y)
