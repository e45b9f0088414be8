"""E5S1 becomes GGUF with every weight's bits and the whole tokenizer."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import CorruptFileError
from runtime.files import sha256_file
from runtime.loaders.catalog import ENTRIES
from runtime.loaders.convert_e5s1 import convert_e5s1
from runtime.loaders.e5s1 import read_e5s1
from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.build import build_tokenizer
from tests.helpers.real_models import real_model
from tests.helpers.tiny_e5s1 import HIDDEN, INTERMEDIATE, PIECES, ROWS, tiny_e5s1


@pytest.fixture
def source(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A tiny E5S1 file."""
    path = tmp_path / "tiny.bin"
    path.write_bytes(tiny_e5s1(rng)[0])
    return path


def test_every_tensor_keeps_its_stored_bytes(source: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    convert_e5s1(source, tmp_path / "out.gguf")
    stored = read_e5s1(source).tensors
    names = {"emb.word": "token_embd.weight", "emb.pos": "position_embd.weight", "l1.ao.w": "blk.1.attn_output.weight"}
    names |= {
        "l0.fi.w": "blk.0.ffn_up.weight",
        "l0.fo.b": "blk.0.ffn_down.bias",
        "l1.oln.w": "blk.1.layer_output_norm.weight",
    }
    with GGUFFile.open(tmp_path / "out.gguf") as file:
        assert len(file.tensors) == len(stored)
        assert sum(info.num_bytes for info in file.tensors.values()) == sum(each.data.size for each in stored.values())
        for old, new in names.items():
            assert np.array_equal(file.data(new).reshape(-1), stored[old].data), new
            assert file.tensors[new].format == stored[old].format
        assert file.tensors["blk.0.ffn_up.weight"].shape == (INTERMEDIATE, HIDDEN)
        assert file.tensors["blk.0.ffn_down.weight"].shape == (HIDDEN, INTERMEDIATE)


def test_dequantised_weights_are_scale_times_nibble_minus_eight(source: Path, tmp_path: Path) -> None:
    convert_e5s1(source, tmp_path / "out.gguf")
    blocks = read_e5s1(source).tensors["emb.word"].data.reshape(-1, 18)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 15, blocks[:, 2:] >> 4], axis=1)
    expected = (scale * (nibbles.astype(np.float32) - 8)).reshape(ROWS, HIDDEN)
    with GGUFFile.open(tmp_path / "out.gguf") as file:
        assert np.array_equal(file.array("token_embd.weight"), expected)


def test_pieces_scores_and_special_ids_are_all_there(source: Path, tmp_path: Path) -> None:
    convert_e5s1(source, tmp_path / "out.gguf")
    with GGUFFile.open(tmp_path / "out.gguf") as file:
        metadata = file.metadata
        assert list(metadata["tokenizer.ggml.tokens"]) == [*PIECES, "[unused 10]", "[unused 11]"]
        assert metadata["tokenizer.ggml.scores"].tolist() == [-float(idx) for idx in range(10)] + [0, 0]
        assert metadata["tokenizer.ggml.token_type"].tolist() == [3, 3, 3, 2, 1, 1, 1, 1, 1, 3, 5, 5]
        assert (metadata["tokenizer.ggml.bos_token_id"], metadata["tokenizer.ggml.eos_token_id"]) == (0, 2)
        assert metadata["bert.pooling_type"] == 1
        assert metadata["bert.attention.layer_norm_epsilon"] == pytest.approx(1e-12)


def test_the_tokenizer_reads_composed_and_decomposed_text_alike(source: Path, tmp_path: Path) -> None:
    convert_e5s1(source, tmp_path / "out.gguf")
    with GGUFFile.open(tmp_path / "out.gguf") as file:
        tokenizer = build_tokenizer(file.metadata)
    assert tokenizer.encode("a cd保") == [4, 7, 8, 6]
    assert tokenizer.encode("Tiếng 한") == tokenizer.encode(unicodedata.normalize("NFD", "Tiếng 한"))


def test_the_same_file_gives_the_same_bytes(source: Path, tmp_path: Path) -> None:
    convert_e5s1(source, tmp_path / "one.gguf")
    convert_e5s1(source, tmp_path / "two.gguf")
    assert sha256_file(tmp_path / "one.gguf") == sha256_file(tmp_path / "two.gguf")


def test_a_file_cut_anywhere_is_refused(source: Path, tmp_path: Path) -> None:
    content = source.read_bytes()
    for length in [*range(900), *range(900, len(content), 997), len(content) - 1]:
        source.write_bytes(content[:length])
        with pytest.raises(CorruptFileError):
            convert_e5s1(source, tmp_path / "out.gguf")
    assert not (tmp_path / "out.gguf").exists()


def test_a_flipped_byte_in_the_head_never_crashes(source: Path) -> None:
    content = source.read_bytes()
    for offset in range(900):
        source.write_bytes(content[:offset] + bytes([content[offset] ^ 0x80]) + content[offset + 1 :])
        try:
            read_e5s1(source)
        except CorruptFileError:
            continue


@pytest.mark.slow
def test_the_real_embedder_has_all_its_tokens_and_the_recorded_digest() -> None:
    path = real_model("e5-small-multilingual")
    assert sha256_file(path) == ENTRIES["e5-small-multilingual"].sha256
    with GGUFFile.open(path) as file:
        tokens = list(file.metadata["tokenizer.ggml.tokens"])
        assert len(tokens) == len(set(tokens)) == 250_037
        scores = file.metadata["tokenizer.ggml.scores"]
        assert scores.size == 250_037
        assert scores.min() == pytest.approx(-20.3647518)
        assert build_tokenizer(file.metadata).encode("保修期是多久？") == [6, 6082, 7981, 4118, 354, 111769, 32]
