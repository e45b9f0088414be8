"""Tiny seeded models, written as GGUF files with our own writer: real in every part but their size.

The weights are random, so the same file can be loaded by us and, through `transformers_model.py`, by transformers.
Nothing here needs torch. The vocabulary is real too: all 256 bytes, a few merges and the ChatML tokens.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime.loaders.gguf_writer import TensorData, write_gguf
from runtime.quant import quantize

DECODERS = ("llama", "mistral", "qwen2", "qwen3", "gemma3")
SEED = 7

HIDDEN, INTERMEDIATE, NUM_HEADS, NUM_KV_HEADS, NUM_LAYERS = 64, 96, 4, 2, 2
CONTEXT_LEN = 512
WINDOW = 12
HEAD_DIMS = {"qwen3": 32, "gemma3": 32}  # other than HIDDEN / NUM_HEADS, which the rest has
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny_model(
    path: Path,
    architecture: str = "llama",
    *,
    format: str = "F32",
    seed: int = SEED,
    metadata: Mapping[str, Any] | None = None,
    tied_head: bool = True,
    without: tuple[str, ...] = (),
    replaced: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write a tiny model and return its path.

    Args:
        architecture: one of `DECODERS`, or "bert".
        format: of every matrix whose rows are a multiple of the format's block, which all of them are up to 32.
        metadata: keys to add or change; a value of None removes the key.
        tied_head: without a head of its own (the embedding serves), or with one.
        without: names of tensors to leave out.
        replaced: tensors to write with other values, or other shapes, or to add.
    """
    keys = {**tiny_metadata(architecture), **(metadata or {})}
    keys = {key: value for key, value in keys.items() if value is not None}
    arrays = tiny_tensors(architecture, seed=seed, tied_head=tied_head, num_layers=_num_layers(architecture, keys))
    arrays.update(replaced or {})
    tensors = [_stored(name, array, format) for name, array in arrays.items() if name not in without]
    write_gguf(path, keys, tensors)
    return path


def tiny_metadata(architecture: str) -> dict[str, Any]:
    """GGUF metadata of a tiny model, its vocabulary included."""
    name = "llama" if architecture == "mistral" else architecture
    keys: dict[str, Any] = {
        "general.architecture": name,
        f"{name}.context_length": CONTEXT_LEN,
        f"{name}.embedding_length": HIDDEN,
        f"{name}.feed_forward_length": INTERMEDIATE,
        f"{name}.block_count": NUM_LAYERS,
        f"{name}.attention.head_count": NUM_HEADS,
    }
    if architecture == "bert":
        keys["bert.attention.layer_norm_epsilon"] = 1e-12
        keys["bert.pooling_type"] = 1
        return keys | word_piece_vocabulary()
    keys[f"{name}.attention.head_count_kv"] = NUM_KV_HEADS
    keys[f"{name}.attention.layer_norm_rms_epsilon"] = 1e-6
    keys[f"{name}.rope.freq_base"] = 10_000.0
    if architecture in HEAD_DIMS:
        keys[f"{name}.attention.key_length"] = keys[f"{name}.attention.value_length"] = HEAD_DIMS[architecture]
    if architecture in ("mistral", "gemma3"):
        keys[f"{name}.attention.sliding_window"] = WINDOW
    if architecture == "gemma3":
        keys["gemma3.rope.freq_base"] = 1_000_000.0
        keys["gemma3.attention.sliding_window_pattern"] = 2  # one local layer, one global
    return keys | byte_vocabulary()


def tiny_tensors(
    architecture: str, *, seed: int = SEED, tied_head: bool = True, num_layers: int = NUM_LAYERS
) -> dict[str, np.ndarray]:
    """float32 weights by GGUF name, scaled so that every part of the network matters to the result."""
    rng = np.random.default_rng(seed)
    if architecture == "bert":
        return _encoder_tensors(rng)
    head_dim = HEAD_DIMS.get(architecture, HIDDEN // NUM_HEADS)
    query_size, kv_size = NUM_HEADS * head_dim, NUM_KV_HEADS * head_dim
    vocab_size = len(byte_vocabulary()["tokenizer.ggml.tokens"])
    tensors = {"token_embd.weight": _matrix(rng, vocab_size, HIDDEN), "output_norm.weight": _norm(rng, HIDDEN)}
    if not tied_head:
        tensors["output.weight"] = _matrix(rng, vocab_size, HIDDEN)
    for prefix in (f"blk.{layer_idx}" for layer_idx in range(num_layers)):
        tensors[f"{prefix}.attn_norm.weight"] = _norm(rng, HIDDEN)
        for name, size in (("attn_q", query_size), ("attn_k", kv_size), ("attn_v", kv_size)):
            tensors[f"{prefix}.{name}.weight"] = _matrix(rng, size, HIDDEN)
            if architecture == "qwen2":
                tensors[f"{prefix}.{name}.bias"] = _vector(rng, size)
        tensors[f"{prefix}.attn_output.weight"] = _matrix(rng, HIDDEN, query_size)
        if architecture in ("qwen3", "gemma3"):
            tensors[f"{prefix}.attn_q_norm.weight"] = _norm(rng, head_dim)
            tensors[f"{prefix}.attn_k_norm.weight"] = _norm(rng, head_dim)
        if architecture == "gemma3":
            tensors[f"{prefix}.post_attention_norm.weight"] = _norm(rng, HIDDEN)
            tensors[f"{prefix}.post_ffw_norm.weight"] = _norm(rng, HIDDEN)
        tensors[f"{prefix}.ffn_norm.weight"] = _norm(rng, HIDDEN)
        tensors[f"{prefix}.ffn_gate.weight"] = _matrix(rng, INTERMEDIATE, HIDDEN)
        tensors[f"{prefix}.ffn_up.weight"] = _matrix(rng, INTERMEDIATE, HIDDEN)
        tensors[f"{prefix}.ffn_down.weight"] = _matrix(rng, HIDDEN, INTERMEDIATE)
    return tensors


def byte_vocabulary() -> dict[str, Any]:
    """A GPT-2 style vocabulary of 288: bytes, nine merges, two ChatML tokens and an end of text, padded."""
    merges = ["t h", "Ġ t", "i n", "h e", "Ġ a", "r e", "Ġt he", "o n", "e r"]
    tokens = [_byte_character(byte) for byte in range(256)]
    tokens += [merge.replace(" ", "") for merge in merges]
    types = [1] * len(tokens)  # normal
    tokens += ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    types += [3] * 3  # control
    while len(tokens) < 288:
        tokens.append(f"<|unused_{len(tokens)}|>")
        types.append(5)
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": np.array(types, np.int32),
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": tokens.index("<|endoftext|>"),
        "tokenizer.ggml.eos_token_id": tokens.index("<|im_end|>"),
        "tokenizer.ggml.add_bos_token": False,
    }


def word_piece_vocabulary() -> dict[str, Any]:
    """A BERT vocabulary, lower case: letters and digits at the start of a word (▁) and within one, some whole words."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    types = [3] * len(tokens)
    words = [*letters, *".,!?-", "the", "cat", "sat", "on", "mat", "a", "dog", "ran", "far", "away"]
    tokens += [f"▁{word}" for word in dict.fromkeys(words)] + list(letters)
    types += [1] * (len(tokens) - len(types))
    return {
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": np.array(types, np.int32),
        "tokenizer.ggml.token_type_count": 2,
        "tokenizer.ggml.unknown_token_id": 1,
        "tokenizer.ggml.padding_token_id": 0,
        "tokenizer.ggml.cls_token_id": 2,
        "tokenizer.ggml.bos_token_id": 2,
        "tokenizer.ggml.seperator_token_id": 3,  # GGUF spells it so
        "tokenizer.ggml.eos_token_id": 3,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": True,
    }


def _encoder_tensors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    vocab_size = len(word_piece_vocabulary()["tokenizer.ggml.tokens"])
    tensors = {
        "token_embd.weight": _matrix(rng, vocab_size, HIDDEN),
        "position_embd.weight": _matrix(rng, CONTEXT_LEN, HIDDEN),
        "token_types.weight": _matrix(rng, 2, HIDDEN),
        **_layer_norm(rng, "token_embd_norm"),
    }
    for prefix in (f"blk.{layer_idx}" for layer_idx in range(NUM_LAYERS)):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensors |= _biased(rng, f"{prefix}.{name}", HIDDEN, HIDDEN)
        tensors |= _layer_norm(rng, f"{prefix}.attn_output_norm")
        tensors |= _biased(rng, f"{prefix}.ffn_up", INTERMEDIATE, HIDDEN)
        tensors |= _biased(rng, f"{prefix}.ffn_down", HIDDEN, INTERMEDIATE)
        tensors |= _layer_norm(rng, f"{prefix}.layer_output_norm")
    return tensors


def _biased(rng: np.random.Generator, name: str, rows: int, columns: int) -> dict[str, np.ndarray]:
    return {f"{name}.weight": _matrix(rng, rows, columns), f"{name}.bias": _vector(rng, rows)}


def _layer_norm(rng: np.random.Generator, name: str) -> dict[str, np.ndarray]:
    return {f"{name}.weight": _norm(rng, HIDDEN), f"{name}.bias": _vector(rng, HIDDEN)}


def _matrix(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    return rng.standard_normal((rows, columns), np.float32) * np.float32(1 / math.sqrt(columns))


def _norm(rng: np.random.Generator, size: int) -> np.ndarray:
    return 1 + 0.3 * rng.standard_normal(size, np.float32)


def _vector(rng: np.random.Generator, size: int) -> np.ndarray:
    return 0.3 * rng.standard_normal(size, np.float32)


def _num_layers(architecture: str, keys: Mapping[str, Any]) -> int:
    name = "llama" if architecture == "mistral" else architecture
    count = keys.get(f"{name}.block_count", NUM_LAYERS)
    return count if isinstance(count, int) and 0 < count < 100 else NUM_LAYERS


def _stored(name: str, array: np.ndarray, format: str) -> TensorData:
    """Vectors stay float32, as in every real file."""
    chosen = format if array.ndim == 2 else "F32"
    return TensorData(name, chosen, array.shape, quantize(array, chosen))


def _byte_character(byte: int) -> str:
    """The printable character that stands for a byte in GPT-2 style vocabularies."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    if byte in printable:
        return chr(byte)
    return chr(256 + [other for other in range(256) if other not in printable].index(byte))
