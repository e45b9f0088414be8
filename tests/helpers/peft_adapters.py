"""Adapters made by PEFT, with random values in every matrix: the oracle of our adapter files."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch

from runtime.training.settings import TrainingSettings
from tests.helpers.transformers_model import logits_of, transformers_decoder

ALL_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def save_random_adapter(base: Path, folder: Path, seed: int = 3, size: float = 0.1, **settings: Any) -> Any:
    """A PEFT model over the weights of a GGUF file, its adapter drawn at random and saved to `folder`."""
    options = {"r": 4, "lora_alpha": 6, "target_modules": ALL_LINEAR, "task_type": "CAUSAL_LM"} | settings
    with known_warnings():
        model = peft.get_peft_model(transformers_decoder(base), peft.LoraConfig(**options))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_A" in name or "lora_B" in name:
                parameter.copy_(size * torch.randn(parameter.shape, generator=generator))
            elif "lora_magnitude" in name:  # lengths of rows: never negative
                parameter.mul_(0.5 + torch.rand(parameter.shape, generator=generator))
    model.eval()
    with known_warnings():
        model.save_pretrained(folder)
    return model


def virtual_token_model(base: Path, kind: str, num_tokens: int) -> Any:
    """A PEFT model with virtual tokens of a kind, "prompt" or "prefix", that can be trained."""
    config = {"prompt": peft.PromptTuningConfig, "prefix": peft.PrefixTuningConfig}[kind]
    with known_warnings():
        return peft.get_peft_model(
            transformers_decoder(base), config(task_type="CAUSAL_LM", num_virtual_tokens=num_tokens)
        )


def set_virtual_tokens_(model: Any, rows: torch.Tensor) -> None:
    """Give a model of `virtual_token_model` what a file would have under "prompt_embeddings"."""
    with torch.no_grad():
        model.prompt_encoder["default"].embedding.weight.copy_(rows)


def save_random_virtual_tokens(base: Path, folder: Path, kind: str, num_tokens: int, seed: int = 3) -> Any:
    """A PEFT model whose virtual tokens are drawn at random and saved to `folder`."""
    model = virtual_token_model(base, kind, num_tokens)
    shape = model.prompt_encoder["default"].embedding.weight.shape
    set_virtual_tokens_(model, torch.randn(shape, generator=torch.Generator().manual_seed(seed)))
    model.eval()
    with known_warnings():
        model.save_pretrained(folder)
    return model


def peft_logits(base: Path, folder: Path, input_ids: list[int] | np.ndarray) -> np.ndarray:
    """[T, V] float32 of the base with the adapter in `folder`, as PEFT loads it; a warning of its is an error."""
    with known_warnings():
        model = peft.PeftModel.from_pretrained(transformers_decoder(base), str(folder))
    with known_warnings():
        return logits_of(model.eval(), input_ids)


def losses_of_peft(model: Any, input_ids: np.ndarray, settings: TrainingSettings) -> list[float]:
    """What each step of torch's AdamW finds, over all of `input_ids` but the first, which nothing foretells here."""
    leaves = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        leaves, lr=settings.learning_rate, betas=settings.betas, eps=settings.adam_eps, weight_decay=0.0
    )
    ids, losses = torch.from_numpy(input_ids.astype(np.int64))[None], []
    labels = ids.clone()
    labels[0, 0] = -100
    model.train()
    for _ in range(settings.num_epochs):
        optimizer.zero_grad()
        with known_warnings():
            loss = model(ids, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(leaves, settings.max_grad_norm)
        optimizer.step()
        losses.append(loss.item())
    return losses


@contextmanager
def known_warnings() -> Iterator[None]:
    """Every warning is an error but two: PEFT calls two things of transformers by what they were called before."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", "`past_key_values` is deprecated", FutureWarning)
        yield
