"""Small adapters of a tiny model, as folders, and what is said of those that are refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.adapters.read import read_peft
from runtime.adapters.write import write_peft
from runtime.errors import AdapterError
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.loaders.load import Model, load_model
from runtime.loaders.safetensors_writer import write_safetensors

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def write_tiny_adapter(model_path: Path, folder: Path, seed: int = 1, scale: float = 1.0) -> Path:
    """Random matrices for the queries and what goes up in every layer of a tiny Llama; large enough to be heard."""
    rng = np.random.default_rng(seed)
    with load_model(model_path) as model:
        modules = {}
        for name, weight in model.network.linears.items():
            if name.endswith(("attn_q", "ffn_up")):
                num_outputs, num_inputs = weight.shape
                a = 0.3 * rng.standard_normal((2, num_inputs), np.float32)
                modules[name] = LoraMatrices(a, rng.standard_normal((num_outputs, 2), np.float32), scale)
        write_peft(folder, LoraWeights(modules), model)
    return folder


def write_adapter_folder(
    folder: Path, settings: Mapping[str, Any], tensors: Mapping[str, np.ndarray], **notes: str
) -> Path:
    """The two files of an adapter with whatever is asked for in them."""
    folder.mkdir(exist_ok=True)
    (folder / CONFIG).write_text(json.dumps(settings))
    write_safetensors(folder / WEIGHTS, tensors, notes)
    return folder


def refusal(folder: Path, model: Model) -> str:
    """The one sentence, or few, that a user sees when the adapter in `folder` is read for `model`."""
    with pytest.raises(AdapterError) as caught:
        read_peft(folder, model)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 1000
    return message
