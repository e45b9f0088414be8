"""`load_model`: what comes back, and one clear sentence for every file that cannot be used."""

import math
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import CatalogError, CorruptFileError, LoadError, UnsupportedModelError
from runtime.kernels.registry import available_backends
from runtime.loaders import load
from runtime.loaders.load import load_model
from runtime.models.decoder import Decoder
from runtime.models.encoder import Encoder
from tests.helpers.decoding import logits_in_steps
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import CHAT_TEMPLATE, CONTEXT_LEN, write_tiny_model

needs_cpu = pytest.mark.skipif("cpu" not in available_backends("embed"), reason="the compiled kernels are not built")
pytestmark = needs_cpu


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "tiny.gguf"


def test_a_loaded_model_runs_after_its_file_is_closed(path):
    with load_model(write_tiny_model(path, format="Q8_0")) as model:
        assert isinstance(model.network, Decoder)
        assert logits_in_steps(model.network, model.tokenizer.encode("xyzzy"), [5]).shape == (5, 288)
        assert (model.name, model.path, model.backend.name, model.entry) == ("tiny", path, "cpu", None)


def test_count_tokens_counts_text_alone(path):
    with load_model(write_tiny_model(path, metadata={"tokenizer.ggml.add_bos_token": True})) as model:
        assert model.count_tokens("xyz") == 3
        assert model.count_tokens("") == 0
        assert model.count_tokens("<|im_end|>") == len("<|im_end|>")


def test_the_kind_follows_from_the_file_where_the_catalog_has_no_entry(tmp_path):
    chat_keys = {"tokenizer.chat_template": CHAT_TEMPLATE}
    assert load_model(write_tiny_model(tmp_path / "base.gguf")).kind == "base"
    assert load_model(write_tiny_model(tmp_path / "chat.gguf", metadata=chat_keys)).kind == "chat"
    assert load_model(write_tiny_model(tmp_path / "embed.gguf", "bert")).kind == "embed"


def test_the_chat_template_of_the_file_is_rendered(path):
    with load_model(write_tiny_model(path, metadata={"tokenizer.chat_template": CHAT_TEMPLATE})) as model:
        prompt = model.chat_template.render([{"role": "user", "content": "Hi"}])
    assert prompt == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_an_encoder_is_loaded_as_one(path):
    with load_model(write_tiny_model(path, "bert")) as model:
        assert isinstance(model.network, Encoder)
        ids = model.tokenizer.encode("the cat sat", add_special=True)
        assert model.network.forward(np.array(ids, np.int32), np.array([0, len(ids)], np.int32)).shape == (5, 64)


def test_the_context_can_be_lowered_and_not_raised(path):
    write_tiny_model(path)
    assert load_model(path, max_seq_len=100).config.max_seq_len == 100
    assert load_model(path, max_seq_len=10_000).network.config.max_seq_len == CONTEXT_LEN


def test_describe_tells_sizes_and_formats(path):
    with load_model(write_tiny_model(path, format="Q8_0")) as model:
        facts = model.describe()
    assert (facts["architecture"], facts["kind"], facts["num_layers"]) == ("llama", "base", 2)
    assert facts["weight_bytes"] == sum(facts["bytes_by_format"].values()) and "Q8_0" in facts["bytes_by_format"]
    assert facts["bytes_per_token"] <= facts["weight_bytes"]


def test_a_closed_model_says_so(path):
    model = load_model(write_tiny_model(path))
    model.close()
    model.close()
    with pytest.raises(ValueError, match="The model tiny has been closed"):
        model.network  # noqa: B018


def test_a_catalog_model_has_its_entry_by_name_and_by_path():
    path = real_model("smollm2-135m")
    for name in ("smollm2-135m", path):
        with load_model(name) as model:
            assert (model.name, model.kind, model.config.max_seq_len) == ("smollm2-135m", "chat", 8192)


def test_loading_on_the_cpu_never_imports_torch(path):
    write_tiny_model(path, metadata={"tokenizer.chat_template": CHAT_TEMPLATE})
    program = (
        "import sys; from runtime.loaders.load import load_model; load_model(sys.argv[1]); "
        "sys.exit([name for name in ('torch', 'transformers') if name in sys.modules] or 0)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)


# files that cannot be used -------------------------------------------------------------------------------------------
def test_a_missing_file_is_named(path):
    with pytest.raises((CatalogError, LoadError), match=r"tiny\.gguf"):
        load_model(path)


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(CatalogError, match="smollm2-135m"):
        load_model("smollm3")


@pytest.mark.parametrize("content", [b"", b"GGUF", b"PK\x03\x04 not a model at all", b"\x00" * 4096])
def test_what_is_no_gguf_file_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match=r"tiny\.gguf"):
        load_model(path)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.999])
def test_a_truncated_file_is_refused(path, kept):
    content = write_tiny_model(path).read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(CorruptFileError, match=r"tiny\.gguf"):
        load_model(path)


def test_a_wrong_architecture_is_named_with_the_supported_ones(path):
    write_tiny_model(path, metadata={"general.architecture": "mamba"})
    with pytest.raises(
        UnsupportedModelError, match=r"'mamba' model; this build runs bert, gemma3, llama, qwen2, qwen3"
    ):
        load_model(path)


def test_a_missing_tensor_is_named(path):
    write_tiny_model(path, without=("blk.1.attn_k.weight",))
    with pytest.raises(CorruptFileError, match=r"lacks the tensor blk\.1\.attn_k\.weight, \(32, 64\)"):
        load_model(path)


def test_a_tensor_of_another_shape_is_named_with_both(path):
    write_tiny_model(path, replaced={"blk.0.ffn_up.weight": np.zeros((96, 32), np.float32)})
    with pytest.raises(CorruptFileError, match=r"blk\.0\.ffn_up\.weight has shape \(96, 32\); .* asks for \(96, 64\)"):
        load_model(path)


def test_head_counts_that_contradict_are_refused(path):
    write_tiny_model(path, metadata={"llama.attention.head_count_kv": 3})
    with pytest.raises(CorruptFileError, match="4 query heads cannot share 3 kv heads"):
        load_model(path)


def test_head_counts_that_contradict_the_tensors_are_refused(path):
    write_tiny_model(path, metadata={"llama.attention.head_count_kv": 4})
    with pytest.raises(CorruptFileError, match=r"blk\.0\.attn_k\.weight has shape \(32, 64\)"):
        load_model(path)


def test_a_nan_in_the_metadata_is_refused(path):
    write_tiny_model(path, metadata={"llama.rope.freq_base": 12345.0})
    content = path.read_bytes()  # our own writer would refuse to store a NaN
    path.write_bytes(content.replace(struct.pack("<f", 12345.0), struct.pack("<f", math.nan)))
    with pytest.raises(CorruptFileError, match=r"llama\.rope\.freq_base"):
        load_model(path)


def test_a_vocabulary_of_another_size_than_the_embedding_is_refused(path):
    write_tiny_model(path, replaced={"token_embd.weight": np.zeros((300, 64), np.float32)})
    with pytest.raises(CorruptFileError, match=r"token_embd\.weight has shape \(300, 64\)"):
        load_model(path)


def test_a_model_larger_than_memory_is_refused_with_both_numbers(path, monkeypatch):
    write_tiny_model(path)
    monkeypatch.setattr(load, "available_memory_bytes", lambda: 1000)
    with pytest.raises(LoadError, match=r"needs \d MB .*; 0 MB are available"):
        load_model(path)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"backend": "gpu"}, "no backend 'gpu'"),
        ({"kv_dtype": "q4"}, "kv_dtype is 'q4'"),
        ({"max_seq_len": 0}, "max_seq_len is 0"),
        ({"num_threads": 0}, "num_threads is 0"),
    ],
)
def test_options_out_of_range_are_refused_before_the_file_is_touched(path, options, complaint):
    with pytest.raises(ValueError, match=complaint):
        load_model(path, **options)
