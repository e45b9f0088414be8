"""The parameters of a LoRA adapter while it is trained. Hu et al., arXiv:2106.09685; rsLoRA: arXiv:2312.03732."""

import math

import numpy as np
import torch

from runtime.config import ModelConfig
from runtime.errors import AdapterError
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.training.linear import LoraTerm
from runtime.training.lora_settings import LoraSettings as LoraSettings
from runtime.training.trainable import TrainableAdapter, kept_layers, layer_of, low_rank_learning_rate
from runtime.training.weights import FrozenDecoder, FrozenLinear, row_order


class TrainableLora(TrainableAdapter):
    """Float32 matrices a and b for each adapted module. They are changed in place by training.

    The rows of b are in the order of the frozen weights they belong to; `to_lora_weights` puts them back into the
    file's.
    """

    def __init__(self, decoder: FrozenDecoder, settings: LoraSettings) -> None:
        """a is drawn uniformly from ±1/sqrt(K) by `settings.seed`, b is zero: at first the adapter changes nothing.

        Raises:
            ValueError: more layers are to be adapted than there are.
        """
        config = decoder.config
        self.settings = settings
        self.first_layer = kept_layers(config, settings.last_layers)
        self.dropout = settings.dropout
        self._config: ModelConfig = config
        generator = torch.Generator().manual_seed(settings.seed)
        self.parameters: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}
        for name, (num_outputs, num_inputs) in decoder.module_shapes().items():
            part = name.rsplit(".", 1)[-1]
            if layer_of(name) < self.first_layer or part not in settings.modules:
                continue
            bound = 1 / math.sqrt(num_inputs)
            a = (torch.rand((settings.rank_of(part), num_inputs), generator=generator) * 2 - 1) * bound
            b = torch.zeros((num_outputs, settings.rank_of(part)))
            self.parameters[name] = (a.requires_grad_(), b.requires_grad_())

    def named_tensors(self) -> dict[str, torch.Tensor]:
        """Every a and b: "blk.3.attn_q.a"."""
        return {
            f"{module}.{part}": tensor
            for module, pair in self.parameters.items()
            for part, tensor in zip(("a", "b"), pair, strict=True)
        }

    def description(self) -> str:
        """The settings."""
        return repr(self.settings)

    def default_learning_rate(self, config: ModelConfig) -> float:
        """That of low-rank updates, by the largest scale."""
        return low_rank_learning_rate(config, max(self.settings.scale_of(part) for part in self.settings.modules))

    def terms(self, linear: FrozenLinear) -> list[LoraTerm]:
        """What is added to a product of the frozen model."""
        terms, start = [], 0
        for name, size in zip(linear.names, linear.sizes, strict=True):
            if name in self.parameters:
                a, b = self.parameters[name]
                terms.append(LoraTerm(a, b, self.settings.scale_of(name.rsplit(".", 1)[-1]), start))
            start += size
        return terms

    def to_lora_weights(self, name: str = "adapter") -> LoraWeights:
        """A copy of the adapter as inference and the adapter files know it."""
        modules = {}
        for module, (a, b) in self.parameters.items():
            scale = self.settings.scale_of(module.rsplit(".", 1)[-1])
            rows = rows_to_file(self._config, module, b)
            modules[module] = LoraMatrices(a.detach().numpy().copy(), rows, scale)
        return LoraWeights(modules, name)

    def load_lora_weights_(self, lora: LoraWeights) -> None:
        """Go on from an adapter: the values of `lora` take the place of these.

        Raises:
            AdapterError: it adapts other modules, or by other ranks or scales, or is a DoRA.
        """
        if set(lora.modules) != set(self.parameters):
            strays = sorted(set(lora.modules) ^ set(self.parameters))
            raise AdapterError(
                f"Adapter {lora.name!r} and these settings adapt different modules, {strays[0]} among them; "
                "give the settings it was trained with."
            )
        for module, (a, b) in self.parameters.items():
            matrices = lora.modules[module]
            scale = self.settings.scale_of(module.rsplit(".", 1)[-1])
            if matrices.a.shape != a.shape or not math.isclose(matrices.scale, scale) or matrices.magnitude is not None:
                raise AdapterError(
                    f"Adapter {lora.name!r} has a {module} of shape {matrices.a.shape} and scale {matrices.scale:g}; "
                    f"the settings ask for plain LoRA of shape {tuple(a.shape)} and scale {scale:g}."
                )
            with torch.no_grad():
                a.copy_(torch.from_numpy(matrices.a))
                b.copy_(rows_from_file(self._config, module, matrices.b))


def rows_to_file(config: ModelConfig, module: str, rows: torch.Tensor) -> np.ndarray:
    """A copy of what belongs to the rows of a matrix, [N, …], in the order that the model's file has."""
    values: np.ndarray = rows.detach().numpy().copy()
    order = row_order(config, module)
    if order is not None:
        values[order] = rows.detach().numpy()
    return values


def rows_from_file(config: ModelConfig, module: str, rows: np.ndarray) -> torch.Tensor:
    """Undoes `rows_to_file`."""
    order = row_order(config, module)
    return torch.from_numpy(rows if order is None else rows[order])
