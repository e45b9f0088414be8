"""What a run trains: the parameters of an adapter, and what they do to a decoder that stays as it is."""

from abc import ABC, abstractmethod

import torch

from runtime.config import ModelConfig
from runtime.layers.bottleneck import Place
from runtime.training.linear import LoraTerm
from runtime.training.weights import FrozenLinear


class TrainableAdapter(ABC):
    """Float32 parameters, changed in place by the trainer. A method overrides what it does; the rest does nothing.

    At first an adapter should leave the model as it is, or close to it, so that training starts from the model.
    """

    first_layer: int = 0  # the layers below it run the same whatever was learned
    dropout: float = 0.0  # share of the inputs of low-rank terms that training leaves out
    num_virtual_tokens: int = 0  # positions in front of every sequence, which a soft prompt or a prefix fills

    @abstractmethod
    def named_tensors(self) -> dict[str, torch.Tensor]:
        """Every parameter by name, in a fixed order: the leaves that take gradients."""

    @abstractmethod
    def description(self) -> str:
        """All that decides what these parameters are; a run goes on only with the same."""

    @abstractmethod
    def default_learning_rate(self, config: ModelConfig) -> float:
        """The peak that suits the method and the size of the model."""

    def tensors(self) -> list[torch.Tensor]:
        """The parameters, in the order of their names' table."""
        return list(self.named_tensors().values())

    def num_parameters(self) -> int:
        """How many numbers are trained."""
        return sum(tensor.numel() for tensor in self.tensors())

    def begin_step(self) -> None:
        """Called after the parameters changed and before a pass: forget what was worked out from them."""
        return

    def terms(self, linear: FrozenLinear) -> list[LoraTerm]:
        """What is added to a product of the frozen model."""
        return []

    def rescale(self, linear: FrozenLinear, y: torch.Tensor) -> torch.Tensor:
        """What becomes of a product y [T, N] of the frozen model, terms and bias included; y itself may be changed."""
        return y

    def soft_prompt(self) -> torch.Tensor | None:
        """[P, E] embeddings in front of every sequence, or None."""
        return None

    def prefix(self, layer_idx: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Keys and values [P, K, D] in front of those of every sequence, as they are after rotation; or None."""
        return None

    def bottleneck(self, layer_idx: int, place: Place, x: torch.Tensor) -> torch.Tensor:
        """What becomes of the output x [T, E] of a layer's attention or feed-forward, before it is added."""
        return x


def low_rank_learning_rate(config: ModelConfig, scale: float) -> float:
    """2e-4 · (2048 / hidden_size)^0.78, less where the adapter's scale is above the usual alpha / rank = 2.

    2e-4 is what LoRA is commonly trained with around hidden sizes of 2048; smaller models take larger steps. A larger
    scale makes each step of b count for more, so the rate goes down with it.
    """
    by_size: float = (2048 / config.hidden_size) ** 0.78
    return 2e-4 * by_size / max(1.0, scale / 2)


def layer_of(module: str) -> int:
    """The layer of "blk.3.attn_q"."""
    return int(module.split(".")[1])


def kept_layers(config: ModelConfig, last_layers: int | None) -> int:
    """The first of the last so many layers, all for None. Raises ValueError where there are not so many."""
    count = config.num_layers if last_layers is None else last_layers
    if count > config.num_layers:
        raise ValueError(f"last_layers is {count}; the model has {config.num_layers} layers.")
    return config.num_layers - count
