"""A decoder as Hugging Face's transformers stores it: its `config.json`, and every tensor under its name and row order.

Written from the model's own file, so weights that are quantised there come out dequantised.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from runtime.adapters.names import rows_to_hf, to_hf
from runtime.config import ModelConfig
from runtime.errors import UnsupportedModelError
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.names import IGNORED

_OUTER = {
    "token_embd.weight": "model.embed_tokens.weight",
    "output_norm.weight": "model.norm.weight",
    "output.weight": "lm_head.weight",
}
_NORMS = {
    "attn_norm": "input_layernorm",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
}
_NORMS_WITH_POST_NORMS = _NORMS | {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
_CLASSES = {
    "llama": ("llama", "LlamaForCausalLM"),
    "mistral": ("mistral", "MistralForCausalLM"),
    "qwen2": ("qwen2", "Qwen2ForCausalLM"),
    "qwen3": ("qwen3", "Qwen3ForCausalLM"),
    "gemma3": ("gemma3_text", "Gemma3ForCausalLM"),
}
_LAYER_TENSOR = re.compile(r"(blk\.(\d+)\.(\w+))\.(weight|bias)")


def checkpoint_name(config: ModelConfig, tensor: str) -> str | None:
    """What the tensor of a GGUF file is called there; None for a table that is computed there."""
    if IGNORED.fullmatch(tensor):
        return None
    if tensor in _OUTER:
        return _OUTER[tensor]
    found = _LAYER_TENSOR.fullmatch(tensor)
    assert found is not None, tensor  # the file has passed `check_tensors`
    norms = _NORMS_WITH_POST_NORMS if config.has_post_norms else _NORMS
    path = to_hf(found[1]) or f"model.layers.{found[2]}.{norms[found[3]]}"
    return f"{path}.{found[4]}"


def checkpoint_values(config: ModelConfig, tensor: str, values: np.ndarray) -> np.ndarray:
    """The values of a tensor as they are stored there, float32."""
    if config.architecture == "gemma3" and tensor.endswith("norm.weight"):
        return values - np.float32(1)  # which is added back when it is used
    return rows_to_hf(config, tensor.rsplit(".", 1)[0], values)


def checkpoint_config(file: GGUFFile, config: ModelConfig, dtype: str) -> dict[str, Any]:
    """`config.json`.

    Args:
        config: of the file itself, with its whole context.
        dtype: what the tensors are stored as, in torch's words.

    Raises:
        UnsupportedModelError: what such a config cannot say, or cannot from what the file knows.
    """
    _check_can_be_said(file, config)
    kind = "mistral" if config.architecture == "llama" and any(config.layer_windows) else config.architecture
    model_type, class_name = _CLASSES[kind]
    assert config.rope is not None
    settings: dict[str, Any] = {
        "architectures": [class_name],
        "model_type": model_type,
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.head_dim,
        "max_position_embeddings": config.max_seq_len,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope.base,
        "rope_scaling": _rope_scaling(config),
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "torch_dtype": dtype,
        "bos_token_id": file.metadata.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": file.metadata.get("tokenizer.ggml.eos_token_id"),
    }
    if kind == "gemma3":
        return settings | _of_gemma3(config)
    settings["hidden_act"] = "silu"
    if kind == "llama":
        settings["attention_bias"] = "blk.0.attn_q.bias" in file.tensors
    if kind == "mistral":
        settings["sliding_window"] = config.layer_windows[0]
    return settings


def _check_can_be_said(file: GGUFFile, config: ModelConfig) -> None:
    if "rope_freqs.weight" in file.tensors:
        raise UnsupportedModelError(
            f"{file.path} stores how Llama 3 stretches its frequencies, and not by which rule, so no config.json can "
            "be written. Merge to a GGUF file instead.",
            file.path,
        )
    inputs, output = ("attn_q", "attn_k", "attn_v"), "attn_output"
    found = tuple(name for name in (*inputs, output) if f"blk.0.{name}.bias" in file.tensors)
    sayable = {"qwen2": (inputs,), "llama": ((), (*inputs, output))}.get(config.architecture, ((),))
    if found not in sayable:
        raise UnsupportedModelError(
            f"{file.path} has biases for {', '.join(found) or 'none of its matrices'}, which no config.json of a "
            f"{config.architecture} model can say. Merge to a GGUF file instead.",
            file.path,
        )


def _rope_scaling(config: ModelConfig) -> Mapping[str, Any] | None:
    assert config.rope is not None
    if config.rope.position_scale == 1:
        return None
    return {"rope_type": "linear", "factor": config.rope.position_scale}


def _of_gemma3(config: ModelConfig) -> dict[str, Any]:
    assert config.local_rope is not None
    windows = [window for window in config.layer_windows if window is not None]
    return {
        "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": round(config.attention_scale**-2),
        "sliding_window": windows[0] if windows else None,
        "layer_types": ["full_attention" if window is None else "sliding_attention" for window in config.layer_windows],
        "rope_local_base_freq": config.local_rope.base,
        "final_logit_softcapping": config.logit_softcap,
    }
