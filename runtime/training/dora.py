"""DoRA: LoRA that also learns how long the rows of each adapted matrix are. Liu et al., arXiv:2402.09353.

An output y = x @ (W + s·b@a)ᵀ + bias becomes y = m · (x @ (W + s·b@a)ᵀ) / ‖W + s·b@a‖ + bias, row by row. As the paper
advises (section 4.3), the lengths ‖W + s·b@a‖ are measured at every step and taken for constants by the gradient.
Dropout leaves out inputs of the low-rank term alone.
"""

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F

from runtime.config import ModelConfig
from runtime.errors import AdapterError
from runtime.layers.lora import LoraWeights
from runtime.training.lora import TrainableLora, rows_from_file, rows_to_file
from runtime.training.lora_settings import LoraSettings
from runtime.training.weights import FrozenDecoder, FrozenLinear


class TrainableDora(TrainableLora):
    """LoRA's a and b, and a magnitude for each row; at first that row's length, so that the adapter changes nothing."""

    def __init__(self, decoder: FrozenDecoder, settings: LoraSettings) -> None:
        """Measures the rows of the frozen matrices as they are computed with. Raises ValueError as `TrainableLora`."""
        super().__init__(decoder, settings)
        self.magnitudes: dict[str, torch.Tensor] = {}  # module → [N] float32, in the order of the rows of b
        self._squares: dict[str, torch.Tensor] = {}  # module → [N], ‖W‖² of each row
        self._norms: dict[str, torch.Tensor] = {}  # module → [N], ‖W + s·b@a‖ at this step
        for layer in decoder.layers[self.first_layer :]:
            for linear in layer.linears:
                self._measure(linear)

    def named_tensors(self) -> dict[str, torch.Tensor]:
        """Those of LoRA and every magnitude: "blk.3.attn_q.magnitude"."""
        magnitudes = {f"{module}.magnitude": magnitude for module, magnitude in self.magnitudes.items()}
        return super().named_tensors() | magnitudes

    def description(self) -> str:
        """The method and its settings."""
        return f"DoRA {super().description()}"

    def default_learning_rate(self, config: ModelConfig) -> float:
        """Two thirds of LoRA's: DoRA's authors advise a rate slightly below it."""
        return super().default_learning_rate(config) * 2 / 3

    def begin_step(self) -> None:
        """Lengths are measured again when they are next needed."""
        self._norms.clear()

    def rescale(self, linear: FrozenLinear, y: torch.Tensor) -> torch.Tensor:
        """Stretch the outputs of adapted rows; y [T, N] is changed in place."""
        rows = self._rows(linear)
        if not rows:
            return y
        self._update_norms(linear, rows)
        norms = tuple((start, self._norms[name]) for name, start, _ in rows)
        magnitudes = [self.magnitudes[name] for name, _, _ in rows]
        stretched: torch.Tensor = _Stretch.apply(y, linear.bias, norms, *magnitudes)  # type: ignore[no-untyped-call]
        return stretched

    def to_lora_weights(self, name: str = "adapter") -> LoraWeights:
        """A copy of the adapter as inference and the adapter files know it, with the magnitudes."""
        plain = super().to_lora_weights(name)
        modules = {
            module: replace(matrices, magnitude=rows_to_file(self._config, module, self.magnitudes[module]))
            for module, matrices in plain.modules.items()
        }
        return LoraWeights(modules, name)

    def load_lora_weights_(self, lora: LoraWeights) -> None:
        """Go on from an adapter: the values of `lora` take the place of these.

        Raises:
            AdapterError: it adapts other modules, or by other ranks or scales, or has no magnitudes.
        """
        if any(matrices.magnitude is None for matrices in lora.modules.values()):
            raise AdapterError(f"Adapter {lora.name!r} has no magnitudes: it is a LoRA, not a DoRA.")
        plain = {module: replace(matrices, magnitude=None) for module, matrices in lora.modules.items()}
        super().load_lora_weights_(LoraWeights(plain, lora.name))
        with torch.no_grad():
            for module, magnitude in self.magnitudes.items():
                values = lora.modules[module].magnitude
                assert values is not None, module
                magnitude.copy_(rows_from_file(self._config, module, values))
        self.begin_step()

    def _rows(self, linear: FrozenLinear) -> list[tuple[str, int, int]]:
        """Name, first row and past-the-last row of every adapted module of a product."""
        rows, start = [], 0
        for name, size in zip(linear.names, linear.sizes, strict=True):
            if name in self.parameters:
                rows.append((name, start, start + size))
            start += size
        return rows

    def _measure(self, linear: FrozenLinear) -> None:
        rows = self._rows(linear)
        if not rows:
            return
        matrix = linear.matrix.read()
        for name, start, end in rows:
            norms = torch.linalg.vector_norm(matrix[start:end], dim=1, dtype=torch.float32)
            self._squares[name] = norms.square()
            self.magnitudes[name] = self._squares[name].sqrt().requires_grad_()

    @torch.no_grad()
    def _update_norms(self, linear: FrozenLinear, rows: list[tuple[str, int, int]]) -> None:
        """Measure what this step has not measured yet."""
        if all(name in self._norms for name, _, _ in rows):
            return
        matrix = linear.matrix.read()
        for name, start, end in rows:
            a, b = self.parameters[name]
            scale = self.settings.scale_of(name.rsplit(".", 1)[-1])
            self._norms[name] = updated_norms(matrix[start:end], self._squares[name], a, b, scale)


def updated_norms(
    weight: torch.Tensor, squares: torch.Tensor, a: torch.Tensor, b: torch.Tensor, scale: float
) -> torch.Tensor:
    """[N] float32: the lengths of the rows of weight + scale · b@a, without that matrix being made.

    ‖w + s·b@a‖² = ‖w‖² + 2s · (w@aᵀ)·b + s² · (b@(a@aᵀ))·b for a row w and its row of b.

    Args:
        weight: [N, K] in any dtype.
        squares: [N] float32, ‖w‖² of its rows.
        a, b: [R, K] and [N, R] float32.
    """
    along = F.linear(weight, a.to(weight.dtype)).float()
    squared = squares + 2 * scale * (along * b).sum(1) + scale**2 * ((b @ (a @ a.T)) * b).sum(1)
    return squared.clamp_min(0).sqrt()


class _Stretch(torch.autograd.Function):
    """y − bias times magnitude / norm a row, in place; no gradient goes through the norms.

    A row without length has no direction: it stays as it is, and its magnitude takes no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        y: torch.Tensor,
        bias: torch.Tensor | None,
        norms: tuple[tuple[int, torch.Tensor], ...],
        *magnitudes: torch.Tensor,
    ) -> torch.Tensor:
        extra = torch.zeros(y.shape[1], dtype=magnitudes[0].dtype)  # what a row's factor has above 1
        for (start, norm), magnitude in zip(norms, magnitudes, strict=True):
            extra[start : start + len(norm)] = torch.where(norm > 0, magnitude / norm - 1, 0.0)
        ctx.norms = norms
        ctx.mark_dirty(y)
        kept = y if bias is None else y - bias
        # y + (factor − 1) · kept, so that factors of 1 change no bit and others are not lost in bfloat16.
        y.addcmul_(kept, extra.to(y.dtype))
        if bias is not None:
            kept.addcmul_(kept, extra.to(y.dtype))
        ctx.save_for_backward(kept, extra)  # without a bias the output, which what comes next often keeps anyway
        return y

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        stretched, extra = ctx.saved_tensors
        # By a magnitude: stretched / magnitude = stretched / (factor · norm).
        along = (torch.ones(len(dy), dtype=dy.dtype) @ (dy * stretched)).to(extra.dtype)
        gradients = []
        for start, norm in ctx.norms:
            rows = slice(start, start + len(norm))
            length = (1 + extra[rows]) * norm
            gradients.append(torch.where(length != 0, along[rows] / length, 0.0))
        return torch.addcmul(dy, dy, extra.to(dy.dtype)), None, None, *gradients
