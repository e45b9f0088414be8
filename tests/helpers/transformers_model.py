"""The same weights in transformers: a model of theirs, float32, filled from one of our GGUF files.

This is the oracle of the model tests, so it shares no code with `runtime.models`: configurations are read from the
file's metadata again, and tensors are renamed and put back into the order of a Hugging Face checkpoint.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers.initialization import no_init_weights

from runtime.loaders.gguf import GGUFFile

_LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_GEMMA_LAYER_NAMES = _LAYER_NAMES | {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
_BERT_LAYER_NAMES = {
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
    "layer_output_norm": "output.LayerNorm",
}
_BERT_NAMES = {
    "token_embd.weight": "embeddings.word_embeddings.weight",
    "position_embd.weight": "embeddings.position_embeddings.weight",
    "token_types.weight": "embeddings.token_type_embeddings.weight",
    "token_embd_norm.weight": "embeddings.LayerNorm.weight",
    "token_embd_norm.bias": "embeddings.LayerNorm.bias",
}
_DECODER_CLASSES = {
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "mistral": (transformers.MistralConfig, transformers.MistralForCausalLM),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
    "gemma3": (transformers.Gemma3TextConfig, transformers.Gemma3ForCausalLM),
}

LLAMA3_SCALING = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,  # small, so that tiny sequences reach past it
}


def transformers_decoder(path: Path) -> Any:
    """A causal language model of transformers with the dequantised weights of a GGUF file."""
    with GGUFFile.open(path) as file:
        name = file.metadata["general.architecture"]
        is_mistral = name == "llama" and file.metadata.get("llama.attention.sliding_window", 0) > 0
        config_class, model_class = _DECODER_CLASSES["mistral" if is_mistral else name]
        config = config_class(**_decoder_settings(file, name))
        state = _decoder_state(file, name, config)
    return _fill(_empty_model(model_class, config), state)


def transformers_encoder(path: Path) -> Any:
    """A BertModel of transformers, without its pooler, with the dequantised weights of a GGUF file."""
    with GGUFFile.open(path) as file:
        keys = file.metadata
        config = transformers.BertConfig(
            vocab_size=file.tensors["token_embd.weight"].shape[0],
            hidden_size=keys["bert.embedding_length"],
            num_hidden_layers=keys["bert.block_count"],
            num_attention_heads=keys["bert.attention.head_count"],
            intermediate_size=keys["bert.feed_forward_length"],
            max_position_embeddings=keys["bert.context_length"],
            type_vocab_size=file.tensors["token_types.weight"].shape[0],
            layer_norm_eps=keys["bert.attention.layer_norm_epsilon"],
            hidden_act="gelu",
        )
        state = {
            _BERT_NAMES.get(name) or _layer_name(name, _BERT_LAYER_NAMES, "encoder.layer"): file.array(name)
            for name in file.tensors
        }
    return _fill(_empty_model(transformers.BertModel, config, add_pooling_layer=False), state)


def logits_of(model: Any, input_ids: list[int] | np.ndarray) -> np.ndarray:
    """[T, V] float32: their logits at every position of one sequence."""
    with torch.no_grad():
        return model(torch.tensor(np.asarray(input_ids, np.int64))[None]).logits[0].float().numpy()


def hidden_states_of(model: Any, input_ids: list[int]) -> np.ndarray:
    """[T, E] float32: the last hidden states of one text."""
    with torch.no_grad():
        return model(torch.tensor([input_ids])).last_hidden_state[0].float().numpy()


def greedy_ids_of(model: Any, prompt_ids: list[int], num_tokens: int) -> list[int]:
    """Their greedy continuation, from their own cache."""
    prompt = torch.tensor([prompt_ids])
    with torch.no_grad():
        output = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=num_tokens,
            min_new_tokens=num_tokens,
            pad_token_id=0,
        )
    return output[0, len(prompt_ids) :].tolist()


def llama3_freq_factors(base: float, dim: int) -> np.ndarray:
    """[dim / 2] float32: what llama.cpp's conversion stores for `LLAMA3_SCALING`, from their own frequencies."""
    config = transformers.LlamaConfig(head_dim=dim, rope_parameters=LLAMA3_SCALING | {"rope_theta": base})
    scaled, _ = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"](config, device="cpu")
    plain = base ** -(np.arange(0, dim, 2) / dim)
    return (plain / scaled.double().numpy()).astype(np.float32)


def _empty_model(model_class: Any, config: Any, **options: Any) -> Any:
    """A model whose weights are not drawn at random first: every one of them is about to be replaced."""
    with no_init_weights():
        return model_class(config, **options)


def _fill(model: Any, state: dict[str, np.ndarray]) -> Any:
    tensors = {name: torch.from_numpy(array) for name, array in state.items()}
    missing, unexpected = model.load_state_dict(tensors, strict=False)
    assert not unexpected, unexpected
    assert set(missing) <= {"lm_head.weight"}, missing  # tied
    model.tie_weights()
    return model.eval()


def _decoder_settings(file: GGUFFile, name: str) -> dict[str, Any]:
    keys = file.metadata
    num_heads, hidden = keys[f"{name}.attention.head_count"], keys[f"{name}.embedding_length"]
    head_dim = keys.get(f"{name}.attention.key_length", hidden // num_heads)
    num_layers = keys[f"{name}.block_count"]
    settings = {
        "vocab_size": file.tensors["token_embd.weight"].shape[0],
        "hidden_size": hidden,
        "intermediate_size": keys[f"{name}.feed_forward_length"],
        "num_hidden_layers": num_layers,
        "num_attention_heads": num_heads,
        "num_key_value_heads": keys[f"{name}.attention.head_count_kv"],
        "head_dim": head_dim,
        "max_position_embeddings": keys[f"{name}.context_length"],
        "rms_norm_eps": keys[f"{name}.attention.layer_norm_rms_epsilon"],
        "rope_parameters": _rope_parameters(file, name),
        "tie_word_embeddings": "output.weight" not in file.tensors,
        "attn_implementation": "eager",
        "bos_token_id": None,
        "eos_token_id": None,
        "pad_token_id": None,
    }
    if name == "llama":
        settings["attention_bias"] = "blk.0.attn_output.bias" in file.tensors
    if f"{name}.attention.sliding_window" in keys:
        settings["sliding_window"] = keys[f"{name}.attention.sliding_window"]
    if name == "gemma3":
        period = keys.get("gemma3.attention.sliding_window_pattern", 6)
        settings["layer_types"] = [
            "full_attention" if (i + 1) % period == 0 else "sliding_attention" for i in range(num_layers)
        ]
        settings["query_pre_attn_scalar"] = head_dim
    return settings


def _rope_parameters(file: GGUFFile, name: str) -> dict[str, Any]:
    base = file.metadata[f"{name}.rope.freq_base"]
    plain = {"rope_type": "default", "rope_theta": base}
    if f"{name}.rope.scaling.factor" in file.metadata:
        plain = {"rope_type": "linear", "rope_theta": base, "factor": file.metadata[f"{name}.rope.scaling.factor"]}
    if "rope_freqs.weight" in file.tensors:
        plain = LLAMA3_SCALING | {"rope_theta": base}
    if name != "gemma3":
        return plain
    local = {"rope_type": "default", "rope_theta": 10_000.0}
    return {"full_attention": plain, "sliding_attention": local}


def _decoder_state(file: GGUFFile, name: str, config: Any) -> dict[str, np.ndarray]:
    layer_names = _GEMMA_LAYER_NAMES if name == "gemma3" else _LAYER_NAMES
    names = {
        "token_embd.weight": "model.embed_tokens.weight",
        "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight",
    }
    state = {}
    for tensor in file.tensors:
        if tensor == "rope_freqs.weight":
            continue
        array = file.array(tensor)
        if name == "llama" and re.search(r"attn_[qk]\.(weight|bias)$", tensor):
            array = _unpermute(array, config.head_dim)
        if name == "gemma3" and tensor.endswith("norm.weight"):
            array -= 1  # transformers adds it back
        state[names.get(tensor) or _layer_name(tensor, layer_names, "model.layers")] = array
    return state


def _unpermute(array: np.ndarray, head_dim: int) -> np.ndarray:
    """Rows of each head from (x0, x1 neighbours) back to halves, undoing llama.cpp's conversion."""
    pairs = array.reshape(-1, head_dim // 2, 2, *array.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(array.shape)


def _layer_name(tensor: str, layer_names: dict[str, str], prefix: str) -> str:
    match = re.fullmatch(r"blk\.(\d+)\.(\w+)\.(weight|bias)", tensor)
    assert match, tensor
    return f"{prefix}.{match[1]}.{layer_names[match[2]]}.{match[3]}"
