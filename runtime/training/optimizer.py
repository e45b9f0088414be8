"""AdamW over an adapter's tensors, with its state in reach: to be written, read and set back.

Loshchilov & Hutter, arXiv:1711.05101, as torch implements it.
"""

import math
from collections.abc import Mapping

import torch

from runtime.training.settings import TrainingSettings
from runtime.training.trainable import TrainableAdapter


class AdapterOptimizer:
    """Owns the moments; changes the adapter in place."""

    def __init__(self, adapter: TrainableAdapter, settings: TrainingSettings) -> None:
        self._adapter = adapter
        self._max_grad_norm = settings.max_grad_norm
        self._adamw = torch.optim.AdamW(
            adapter.tensors(),
            lr=0.0,
            betas=settings.betas,
            eps=settings.adam_eps,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._start_moments()

    def scale_gradients_(self, factor: float) -> float:
        """Multiply all gradients by `factor`, then clip their joint length. Returns the length before clipping."""
        gradients = [tensor.grad for tensor in self._adapter.tensors() if tensor.grad is not None]
        length = factor * math.sqrt(sum(float(gradient.square().sum(dtype=torch.float64)) for gradient in gradients))
        if math.isfinite(length):
            factor *= min(1.0, self._max_grad_norm / (length + 1e-6))
            for gradient in gradients:
                gradient.mul_(factor)
        return length

    def step(self, learning_rate: float) -> None:
        """Change the adapter by its gradients."""
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate
        self._adamw.step()

    def zero_gradients(self) -> None:
        """Forget the gradients."""
        self._adamw.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything a run goes on from: parameters, moments and how many steps they saw."""
        named = {}
        for name, tensor in self._adapter.named_tensors().items():
            state = self._adamw.state[tensor]
            named[name] = tensor.detach()
            named[f"{name}.mean"] = state["exp_avg"]
            named[f"{name}.square"] = state["exp_avg_sq"]
            named[f"{name}.step"] = state["step"].view(1)  # a view: writing to it sets the count
        return named

    def copy(self) -> dict[str, torch.Tensor]:
        """`tensors`, safe from what comes."""
        return {name: tensor.clone() for name, tensor in self.tensors().items()}

    def restore_(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Set parameters and moments to what `tensors` or `copy` gave."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])

    def _start_moments(self) -> None:
        """AdamW makes its state at the first step; made here, it can be read and set before."""
        for tensor in self._adapter.tensors():
            self._adamw.state[tensor] = {
                "step": torch.zeros((), dtype=torch.float32),
                "exp_avg": torch.zeros_like(tensor),
                "exp_avg_sq": torch.zeros_like(tensor),
            }
