"""A Hugging Face BERT becomes GGUF bit for bit, its vocabulary in GGUF's spelling."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runtime.errors import CorruptFileError, UnsupportedModelError
from runtime.files import sha256_file
from runtime.loaders.catalog import ENTRIES
from runtime.loaders.convert_bert import convert_bert
from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.build import build_tokenizer
from tests.helpers.real_models import real_model

TOKENS = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[", "]", "hug", "##ging", "保", "#"]
HIDDEN, INTERMEDIATE = 8, 16


@pytest.fixture
def model(tmp_path: Path, rng: np.random.Generator) -> dict[str, Any]:
    """The files of a one-layer BERT and its tensors."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(TOKENS), HIDDEN),
        "embeddings.position_embeddings.weight": (4, HIDDEN),
        "embeddings.token_type_embeddings.weight": (2, HIDDEN),
        "embeddings.LayerNorm.weight": (HIDDEN,),
        "embeddings.LayerNorm.bias": (HIDDEN,),
        "pooler.dense.weight": (HIDDEN, HIDDEN),
        "pooler.dense.bias": (HIDDEN,),
    }
    for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
        shapes[f"encoder.layer.0.{part}.weight"] = (HIDDEN, HIDDEN)
    shapes["encoder.layer.0.intermediate.dense.weight"] = (INTERMEDIATE, HIDDEN)
    shapes["encoder.layer.0.output.dense.weight"] = (HIDDEN, INTERMEDIATE)
    for part in ("attention.output.LayerNorm", "output.LayerNorm"):
        shapes[f"encoder.layer.0.{part}.weight"] = (HIDDEN,)
    for name in [name for name in shapes if name.startswith("encoder")]:
        shapes[name.replace(".weight", ".bias")] = (shapes[name][0],)
    tensors = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    write_safetensors(tmp_path / "model.safetensors", tensors)
    (tmp_path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", "utf-8")
    settings = {"hidden_act": "gelu", "vocab_size": len(TOKENS), "num_hidden_layers": 1, "layer_norm_eps": 1e-12}
    settings |= {"max_position_embeddings": 4, "hidden_size": HIDDEN, "intermediate_size": INTERMEDIATE}
    settings |= {"num_attention_heads": 2, "type_vocab_size": 2}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    return {"folder": tmp_path, "tensors": tensors, "settings": settings}


def write_safetensors(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """A file of float32 tensors, written from the format's description."""
    header, offset = {}, 0
    for name, values in tensors.items():
        end = offset + values.nbytes
        header[name] = {"dtype": "F32", "shape": list(values.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(values.tobytes() for values in tensors.values()))


def convert(folder: Path) -> Path:
    """Convert the files of `folder`."""
    files = [folder / name for name in ("model.safetensors", "vocab.txt", "config.json", "out.gguf")]
    convert_bert(*files, name="tiny", licence="none")
    return files[-1]


def test_every_weight_is_the_same_float(model: dict[str, Any]) -> None:
    tensors = model["tensors"]
    with GGUFFile.open(convert(model["folder"])) as file:
        assert len(file.tensors) == len(tensors) - 2  # without the pooler
        for new, old in {
            "token_embd.weight": "embeddings.word_embeddings.weight",
            "token_embd_norm.bias": "embeddings.LayerNorm.bias",
            "blk.0.attn_q.bias": "encoder.layer.0.attention.self.query.bias",
            "blk.0.attn_output.weight": "encoder.layer.0.attention.output.dense.weight",
            "blk.0.attn_output_norm.weight": "encoder.layer.0.attention.output.LayerNorm.weight",
            "blk.0.ffn_up.weight": "encoder.layer.0.intermediate.dense.weight",
            "blk.0.ffn_down.weight": "encoder.layer.0.output.dense.weight",
            "blk.0.layer_output_norm.bias": "encoder.layer.0.output.LayerNorm.bias",
        }.items():
            assert np.array_equal(file.array(new), tensors[old]), new
            assert file.tensors[new].format == "F32"


def test_tokens_are_spelt_and_typed_as_gguf_does(model: dict[str, Any]) -> None:
    with GGUFFile.open(convert(model["folder"])) as file:
        spelt = list(file.metadata["tokenizer.ggml.tokens"])
        assert spelt == [*TOKENS[:6], "▁[", "▁]", "▁hug", "ging", "▁保", "▁#"]
        assert file.metadata["tokenizer.ggml.token_type"].tolist() == [3, 5, 2, 3, 3, 3, 1, 1, 1, 1, 1, 1]
        assert build_tokenizer(file.metadata).encode("Hugging [保] #") == [8, 9, 6, 10, 7, 11]


def test_a_vocabulary_of_another_size_is_refused(model: dict[str, Any]) -> None:
    (model["folder"] / "vocab.txt").write_text("\n".join(TOKENS[:-1]), "utf-8")
    with pytest.raises(CorruptFileError, match="11 and 12"):
        convert(model["folder"])


def test_a_missing_special_token_or_setting_is_named(model: dict[str, Any]) -> None:
    (model["folder"] / "vocab.txt").write_text("\n".join(TOKENS).replace("[SEP]", "[XXX]"), "utf-8")
    with pytest.raises(CorruptFileError, match="SEP"):
        convert(model["folder"])
    del model["settings"]["num_attention_heads"]
    (model["folder"] / "config.json").write_text(json.dumps(model["settings"]))
    with pytest.raises(CorruptFileError):
        convert(model["folder"])


@pytest.mark.parametrize("setting", [{"hidden_act": "gelu_new"}, {"position_embedding_type": "relative_key"}])
def test_another_kind_of_bert_is_refused(setting: dict[str, str], model: dict[str, Any]) -> None:
    (model["folder"] / "config.json").write_text(json.dumps(model["settings"] | setting))
    with pytest.raises(UnsupportedModelError, match="exact GELU and absolute positions"):
        convert(model["folder"])


def test_an_unknown_tensor_is_refused(model: dict[str, Any]) -> None:
    tensors = model["tensors"] | {"encoder.layer.0.adapter.weight": np.zeros(3, np.float32)}
    write_safetensors(model["folder"] / "model.safetensors", tensors)
    with pytest.raises(CorruptFileError, match=r"encoder\.layer\.0\.adapter\.weight"):
        convert(model["folder"])


@pytest.mark.slow
def test_the_real_embedder_has_the_recorded_digest() -> None:
    path = real_model("minilm-l6")
    assert sha256_file(path) == ENTRIES["minilm-l6"].sha256
    with GGUFFile.open(path) as file:
        assert len(file.tensors) == 5 + 6 * 16
        assert build_tokenizer(file.metadata).encode("how much protein per day") == [2129, 2172, 5250, 2566, 2154]
