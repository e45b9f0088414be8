"""What a bottleneck adapter is to be. Houlsby et al., arXiv:1902.00751. Needs no torch."""

from dataclasses import dataclass
from typing import get_args

from runtime.kernels.ops import MatmulActivation
from runtime.layers.bottleneck import Place


@dataclass(frozen=True, kw_only=True)
class BottleneckSettings:
    """Where small networks stand, and how wide they are. Raises ValueError for values out of range."""

    size: int = 32  # inputs of what goes up again
    places: tuple[Place, ...] = ("attention", "feed_forward")  # ("feed_forward",): Pfeiffer et al., arXiv:2005.00247
    activation: MatmulActivation = "gelu"
    last_layers: int | None = None  # only the last so many layers; those below run once an example
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}; it must be 1 or more.")
        if not self.places or set(self.places) - set(get_args(Place)):
            raise ValueError(f"places are {self.places}; name one or both of {', '.join(get_args(Place))}.")
        if self.activation not in get_args(MatmulActivation):
            raise ValueError(f"activation is {self.activation!r}; there are {', '.join(get_args(MatmulActivation))}.")
        if self.last_layers is not None and self.last_layers < 1:
            raise ValueError(f"last_layers is {self.last_layers}; it must be 1 or more, or None for all layers.")
        object.__setattr__(self, "places", tuple(place for place in get_args(Place) if place in self.places))
