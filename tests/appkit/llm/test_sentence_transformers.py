"""appkit/llm/sentence_transformers.py, with the real library and a tiny model made here."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from appkit.errors import AppkitError, ContextOverflowError
from appkit.llm.sentence_transformers import SentenceTransformersEmbedder
from appkit.retrieval.embedders import open_embedder
from appkit.retrieval.index import DocumentIndex

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "query", ":", "the", "pump", "is", "loud", "水", "泵", "##s"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers with mean pooling, saved as the library saves models."""
    library = pytest.importorskip("sentence_transformers", reason="the extra [torch] is not installed")
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    root = tmp_path_factory.mktemp("st")
    torch.manual_seed(0)
    (root / "vocab.txt").write_text("\n".join(WORDS), "utf-8")
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(root / "bert")
    transformers.BertTokenizer(str(root / "vocab.txt"), model_max_length=64).save_pretrained(root / "bert")
    model = library.SentenceTransformer(str(root / "bert"), device="cpu", prompts={"query": "query : ", "document": ""})
    model.max_seq_length = 64
    model.save(str(root / "model"))
    return root / "model"


def test_vectors_are_the_librarys_own_of_length_one(folder: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    with SentenceTransformersEmbedder(folder, device="cpu") as embedder:
        ours = embedder.embed(["the pump is loud", "水 泵"])
    theirs = library.SentenceTransformer(str(folder), device="cpu").encode(["the pump is loud", "水 泵"])
    assert ours.dtype == np.float32
    assert np.allclose(ours, theirs / np.linalg.norm(theirs, axis=1, keepdims=True), atol=1e-6)


def test_a_query_gets_the_models_prompt(folder: Path) -> None:
    embedder = SentenceTransformersEmbedder(folder)
    assert np.allclose(embedder.embed(["pump"], "query"), embedder.embed(["query : pump"]), atol=1e-6)
    assert embedder.dim == 16
    assert embedder.count_tokens("the pumps") == 3


def test_a_text_that_would_be_cut_is_an_error(folder: Path) -> None:
    with pytest.raises(ContextOverflowError, match=r"Text 1 is 82 tokens and .* reads 64"):
        SentenceTransformersEmbedder(folder).embed(["pump", "pump " * 80])


def test_no_texts_give_no_rows(folder: Path) -> None:
    assert SentenceTransformersEmbedder(folder).embed([]).shape == (0, 16)


def test_an_index_can_be_made_with_it_by_name(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("the pump is loud", "utf-8")
    with DocumentIndex.open(tmp_path / "index", embedder=f"st:{folder}", create=True) as index:
        assert index.sync(tmp_path / "docs").num_chunks == 1
        assert index.embedder_name == f"st:{folder}"


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    with pytest.raises(AppkitError, match=r"cannot load .* safetensors"):
        open_embedder(f"st:{tmp_path}")


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers")
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix != ".safetensors":
            (tmp_path / file.relative_to(folder)).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / file.relative_to(folder)).write_bytes(file.read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(AppkitError, match="cannot load"):
        SentenceTransformersEmbedder(tmp_path)


def test_without_the_library_the_extra_is_named() -> None:
    script = """
import sys
sys.modules["sentence_transformers"] = None
from appkit import SentenceTransformersEmbedder
try:
    SentenceTransformersEmbedder("some/model")
except Exception as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert "pip install 'appkit-llm[torch]'" in run.stdout, run.stderr
