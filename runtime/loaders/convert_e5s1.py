"""Turns an E5S1 file (see `e5s1.py`) into a GGUF of architecture "bert", keeping every weight's bits.

The result follows llama.cpp's names and keys, so any reader of such files understands it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from runtime.errors import CorruptFileError
from runtime.loaders.e5s1 import E5S1File, E5S1Tensor, read_e5s1
from runtime.loaders.gguf_writer import TensorData, write_gguf

NORMAL, UNKNOWN, CONTROL, UNUSED = 1, 2, 3, 5  # GGUF's token types

_EMBEDDINGS = {
    "emb.word": "token_embd.weight",
    "emb.pos": "position_embd.weight",
    "emb.type": "token_types.weight",
    "emb.ln.w": "token_embd_norm.weight",
    "emb.ln.b": "token_embd_norm.bias",
}
_LAYER = {
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "ao": "attn_output",
    "aln": "attn_output_norm",
    "fi": "ffn_up",
    "fo": "ffn_down",
    "oln": "layer_output_norm",
}


def convert_e5s1(source: Path, target: Path) -> None:
    """Write `source`, an E5S1 file, to `target` as GGUF. The same input gives the same bytes.

    Raises:
        CorruptFileError: `source` is not a complete E5S1 file.
    """
    model = read_e5s1(source)
    write_gguf(target, _metadata(model), _tensors(model, source))


def _metadata(model: E5S1File) -> dict[str, Any]:
    num_unused = model.vocab_size - len(model.pieces)  # rows that no piece uses
    # A plain space is in no normalised text, so these spellings cannot be met there.
    tokens = model.pieces + [b"[unused %d]" % idx for idx in range(len(model.pieces), model.vocab_size)]
    return {
        "general.architecture": "bert",
        "general.name": "multilingual-e5-small",
        "general.license": "mit",
        "general.file_type": 2,  # mostly Q4_0
        "bert.block_count": model.num_layers,
        "bert.context_length": model.max_seq_len,
        "bert.embedding_length": model.hidden_size,
        "bert.feed_forward_length": model.intermediate_size,
        "bert.attention.head_count": model.num_heads,
        "bert.attention.layer_norm_epsilon": model.norm_eps,
        "bert.attention.causal": False,
        "bert.pooling_type": 1,  # mean
        "tokenizer.ggml.model": "t5",  # llama.cpp's name for Unigram
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": tokens,
        # As its special pieces have, the unused rows score 0: the lowest score decides what an unknown character costs.
        "tokenizer.ggml.scores": np.append(model.scores, np.zeros(num_unused, np.float32)),
        "tokenizer.ggml.token_type": np.array(_token_types(model), np.int32),
        "tokenizer.ggml.token_type_count": model.num_token_types,
        "tokenizer.ggml.bos_token_id": model.bos_id,
        "tokenizer.ggml.eos_token_id": model.eos_id,
        "tokenizer.ggml.unknown_token_id": model.unk_id,
        "tokenizer.ggml.seperator_token_id": model.eos_id,  # the key is spelled so
        "tokenizer.ggml.padding_token_id": model.pad_id,
        "tokenizer.ggml.cls_token_id": model.bos_id,
        "tokenizer.ggml.mask_token_id": model.pieces.index(b"<mask>"),
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": True,
        "tokenizer.ggml.add_space_prefix": True,
        "tokenizer.ggml.remove_extra_whitespaces": True,
        # No precompiled_charsmap: the file's own map covers single characters alone, and without the key readers use
        # NFKC, which it was made from and which also composes a letter and its marks (Korean, Vietnamese, macOS names).
    }


def _token_types(model: E5S1File) -> list[int]:
    types = [NORMAL] * len(model.pieces) + [UNUSED] * (model.vocab_size - len(model.pieces))
    for token_id in (model.bos_id, model.eos_id, model.pad_id, model.pieces.index(b"<mask>")):
        types[token_id] = CONTROL
    types[model.unk_id] = UNKNOWN
    return types


def _tensors(model: E5S1File, source: Path) -> Iterator[TensorData]:
    hidden, intermediate = model.hidden_size, model.intermediate_size
    shapes = {
        "emb.word": (model.vocab_size, hidden),
        "emb.pos": (model.max_seq_len, hidden),
        "emb.type": (model.num_token_types, hidden),
        "fi.w": (intermediate, hidden),
        "fi.b": (intermediate,),
        "fo.w": (hidden, intermediate),
        **{f"{part}.w": (hidden, hidden) for part in ("q", "k", "v", "ao")},
    }
    names = dict(_EMBEDDINGS)
    for layer_idx in range(model.num_layers):
        for part, name in _LAYER.items():
            names[f"l{layer_idx}.{part}.w"] = f"blk.{layer_idx}.{name}.weight"
            names[f"l{layer_idx}.{part}.b"] = f"blk.{layer_idx}.{name}.bias"
    if names.keys() != model.tensors.keys():
        odd = sorted(names.keys() ^ model.tensors.keys())
        raise CorruptFileError(f"{source} lacks tensors or has others than a BERT of its size: {odd[:5]}.", source)
    for stored, name in names.items():
        shape = shapes.get(stored) or shapes.get(stored.split(".", 1)[1]) or (hidden,)
        yield _tensor(name, shape, model.tensors[stored], source)


def _tensor(name: str, shape: tuple[int, ...], tensor: E5S1Tensor, source: Path) -> TensorData:
    if int(np.prod(shape)) != tensor.num_elements:
        raise CorruptFileError(
            f"{source} has {tensor.num_elements} elements for {name}, its sizes ask for {shape}.", source
        )
    return TensorData(name, tensor.format, shape, tensor.data)
