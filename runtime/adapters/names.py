"""What GGUF calls a module and what Hugging Face does, and the order of rows in which each keeps q and k.

All decoders this build runs name their linear maps alike. Files of the Llama family hold the rows of every head of q
and k reordered, so that neighbours rotate together; a checkpoint holds the halves that rotate together. What belongs to
a row (a row of lora_B, an entry of a DoRA magnitude) is reordered with it; lora_A works on columns and stays.
"""

import re

import numpy as np

from runtime.config import ModelConfig

_PROJECTIONS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_MODULES = {projection: module for module, projection in _PROJECTIONS.items()}
_GGUF_NAME = re.compile(r"blk\.(\d{1,5})\.(\w+)", re.ASCII)
_HF_NAME = re.compile(r"model\.(?:language_model\.)?layers\.(\d{1,5})\.(\w+\.\w+)", re.ASCII)


def to_hf(module: str) -> str | None:
    """ "blk.3.attn_q" → "model.layers.3.self_attn.q_proj"; None for what is no linear map of a layer."""
    found = _GGUF_NAME.fullmatch(module)
    if found is None or found[2] not in _PROJECTIONS:
        return None
    return f"model.layers.{int(found[1])}.{_PROJECTIONS[found[2]]}"


def to_gguf(path: str) -> str | None:
    """ "model.layers.3.self_attn.q_proj" → "blk.3.attn_q"; None for what is no linear map of a layer.

    The text part of a model that also sees is one folder deeper: "model.language_model.layers…".
    """
    found = _HF_NAME.fullmatch(path)
    if found is None or found[2] not in _MODULES:
        return None
    return f"blk.{int(found[1])}.{_MODULES[found[2]]}"


def rows_to_gguf(config: ModelConfig, module: str, rows: np.ndarray) -> np.ndarray:
    """[N, …] in the order of a Hugging Face checkpoint → in that of the model's file; a copy where they differ."""
    if not _is_reordered(config, module):
        return rows
    halves = rows.reshape(-1, 2, config.head_dim // 2, *rows.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)


def rows_to_hf(config: ModelConfig, module: str, rows: np.ndarray) -> np.ndarray:
    """Undoes `rows_to_gguf`."""
    if not _is_reordered(config, module):
        return rows
    pairs = rows.reshape(-1, config.head_dim // 2, 2, *rows.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(rows.shape)


def _is_reordered(config: ModelConfig, module: str) -> bool:
    return config.rope is not None and config.rope.interleaved and module.rsplit(".", 1)[-1] in ("attn_q", "attn_k")
