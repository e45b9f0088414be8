"""A small adapter of a tiny model, as a folder."""

from pathlib import Path

import numpy as np

from runtime.adapters.write import write_peft
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.loaders.load import load_model


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
