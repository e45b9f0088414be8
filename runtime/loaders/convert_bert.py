"""Turns a Hugging Face BERT (safetensors, vocab.txt, config.json) into a GGUF of architecture "bert".

Weights stay float32, bit for bit. The vocabulary follows llama.cpp's convention for WordPiece, which marks
where words start instead of where they go on: `##ing` becomes `ing`, and `run` becomes `▁run`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import CorruptFileError, UnsupportedModelError
from runtime.loaders.gguf_writer import TensorData, write_gguf
from runtime.loaders.safetensors import read_safetensors

NORMAL, UNKNOWN, CONTROL, UNUSED = 1, 2, 3, 5  # GGUF's token types

_NAMES = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm": "token_embd_norm",
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_LAYER = re.compile(r"encoder\.layer\.(\d+)\.(.+)\.(weight|bias)")
# The pooler is trained for next-sentence prediction and no part of a mean; position_ids is 0, 1, 2, …
_LEFT_OUT = re.compile(r"pooler\.dense\.(weight|bias)|embeddings\.position_ids")
_CONTROLS = {b"[CLS]", b"[SEP]", b"[PAD]", b"[MASK]"}


def convert_bert(weights: Path, vocabulary: Path, config: Path, target: Path, *, name: str, licence: str) -> None:
    """Write the model in `weights`, with the tokens of `vocabulary`, to `target` as GGUF.

    The same input gives the same bytes. `name` and `licence` go into the file, which knows neither itself.

    Raises:
        CorruptFileError: a tensor, key or token is missing or does not fit the others.
        UnsupportedModelError: the config asks for something that plain BERT is not.
    """
    settings = json.loads(config.read_bytes())
    if settings.get("hidden_act") != "gelu" or settings.get("position_embedding_type", "absolute") != "absolute":
        raise UnsupportedModelError(f"{config} is not a BERT with exact GELU and absolute positions.", config)
    tokens = vocabulary.read_bytes().rstrip(b"\n").split(b"\n")
    try:
        metadata = {
            "general.architecture": "bert",
            "general.name": name,
            "general.license": licence,
            **_metadata(settings, tokens),
        }
        if len(tokens) != settings["vocab_size"]:
            raise ValueError(f"the same vocabulary size: {len(tokens)} and {settings['vocab_size']}")
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{config} and {vocabulary} lack {error}; pull the model again.", config) from error
    write_gguf(target, metadata, _tensors(read_safetensors(weights), weights))


def _metadata(settings: Mapping[str, Any], tokens: list[bytes]) -> dict[str, Any]:
    ids = {name: tokens.index(name) for name in (b"[CLS]", b"[SEP]", b"[PAD]", b"[MASK]", b"[UNK]")}
    return {
        "general.file_type": 0,  # all F32
        "bert.block_count": settings["num_hidden_layers"],
        "bert.context_length": settings["max_position_embeddings"],
        "bert.embedding_length": settings["hidden_size"],
        "bert.feed_forward_length": settings["intermediate_size"],
        "bert.attention.head_count": settings["num_attention_heads"],
        "bert.attention.layer_norm_epsilon": float(settings["layer_norm_eps"]),
        "bert.attention.causal": False,
        "bert.pooling_type": 1,  # mean
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": [_marked(token) for token in tokens],
        "tokenizer.ggml.token_type": np.array([_token_type(token) for token in tokens], np.int32),
        "tokenizer.ggml.token_type_count": settings["type_vocab_size"],
        "tokenizer.ggml.bos_token_id": ids[b"[CLS]"],
        "tokenizer.ggml.eos_token_id": ids[b"[SEP]"],
        "tokenizer.ggml.unknown_token_id": ids[b"[UNK]"],
        "tokenizer.ggml.seperator_token_id": ids[b"[SEP]"],  # the key is spelled so
        "tokenizer.ggml.padding_token_id": ids[b"[PAD]"],
        "tokenizer.ggml.cls_token_id": ids[b"[CLS]"],
        "tokenizer.ggml.mask_token_id": ids[b"[MASK]"],
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": True,
    }


def _is_bracketed(token: bytes) -> bool:
    return token.startswith(b"[") and token.endswith(b"]") and len(token) > 2


def _marked(token: bytes) -> bytes:
    """A token as GGUF files spell it: marked where a word starts, not where it goes on."""
    if _is_bracketed(token):
        return token
    return token[2:] if token.startswith(b"##") else "▁".encode() + token


def _token_type(token: bytes) -> int:
    if token in _CONTROLS:
        return CONTROL
    if token == b"[UNK]":
        return UNKNOWN
    return UNUSED if re.fullmatch(rb"\[unused\d+\]", token) else NORMAL


def _tensors(tensors: Mapping[str, np.ndarray], source: Path) -> Iterator[TensorData]:
    for stored in sorted(tensors):
        if _LEFT_OUT.fullmatch(stored):
            continue
        values = np.ascontiguousarray(tensors[stored])
        if values.dtype != np.float32:
            raise CorruptFileError(f"{source} stores {stored} as {values.dtype}, float32 is expected.", source)
        yield TensorData(_gguf_name(stored, source), "F32", values.shape, values.reshape(-1).view(np.uint8))


def _gguf_name(stored: str, source: Path) -> str:
    if match := _LAYER.fullmatch(stored):
        layer_idx, part, kind = match.groups()
        if part in _NAMES:
            return f"blk.{layer_idx}.{_NAMES[part]}.{kind}"
    elif stored in _NAMES:
        return _NAMES[stored]
    elif (stem := stored.rpartition(".")[0]) in _NAMES and stored.startswith("embeddings.LayerNorm"):
        return f"{_NAMES[stem]}.{stored.rpartition('.')[2]}"
    raise CorruptFileError(f"{source} holds {stored!r}, which is no part of a BERT encoder.", source)
