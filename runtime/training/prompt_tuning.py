"""Prompt tuning: embeddings in front of every sequence are all that is trained. Lester et al., arXiv:2104.08691."""

import torch

from runtime.config import ModelConfig
from runtime.layers.virtual_tokens import SoftPromptWeights
from runtime.training.trainable import TrainableAdapter
from runtime.training.virtual_token_settings import VirtualTokenSettings
from runtime.training.weights import FrozenDecoder


class TrainableSoftPrompt(TrainableAdapter):
    """Float32 embeddings [P, E], changed in place by training."""

    def __init__(self, decoder: FrozenDecoder, settings: VirtualTokenSettings) -> None:
        """They begin as the embeddings of real tokens: the model reads that text before every sequence.

        Raises:
            ValueError: virtual tokens that fill the model's context, or ids it does not have.
        """
        self.settings = settings
        self.num_virtual_tokens = settings.num_tokens
        ids = torch.from_numpy(settings.begin_ids(decoder.config))
        embeddings = decoder.embedding.read()[ids].float() * decoder.config.embedding_scale
        self.embeddings = embeddings.requires_grad_()
        self._typical_value = float(embeddings.detach().square().mean().sqrt())

    def named_tensors(self) -> dict[str, torch.Tensor]:
        """The one matrix."""
        return {"embeddings": self.embeddings}

    def description(self) -> str:
        """The settings."""
        return f"soft prompt {self.settings!r}"

    def default_learning_rate(self, config: ModelConfig) -> float:
        """A tenth of the size of the embeddings that it begins with.

        Adam moves a value by about the rate in a step, so the rate is measured against the values: models differ in the
        size of their embeddings by more than an order of magnitude.
        """
        return 0.1 * self._typical_value

    def soft_prompt(self) -> torch.Tensor:
        """[P, E]."""
        return self.embeddings

    def to_soft_prompt_weights(self, name: str = "adapter") -> SoftPromptWeights:
        """A copy of the adapter as inference and the adapter files know it."""
        return SoftPromptWeights(self.embeddings.detach().numpy().copy(), name)
