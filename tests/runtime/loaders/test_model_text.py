"""The text side of a model is the one that the whole model has, without its weights."""

from pathlib import Path

import pytest

from runtime.errors import CatalogError, CorruptFileError
from runtime.loaders.load import load_model
from runtime.loaders.model_text import load_model_text
from tests.helpers.tiny_model import CHAT_TEMPLATE, DECODERS, write_tiny_model


@pytest.mark.parametrize("architecture", DECODERS)
@pytest.mark.parametrize("template", [None, CHAT_TEMPLATE], ids=["base", "chat"])
def test_it_agrees_with_the_loaded_model(architecture: str, template: str | None, tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "a.gguf", architecture, metadata={"tokenizer.chat_template": template})
    text = load_model_text(path)
    with load_model(path, num_threads=1) as model:
        assert (text.name, text.path, text.kind, text.entry) == (model.name, model.path, model.kind, model.entry)
        assert text.max_seq_len == model.config.max_seq_len
        assert text.tokenizer.encode("on the <|im_end|>") == model.tokenizer.encode("on the <|im_end|>")
        sources = [found and found.source for found in (text.chat_template, model.chat_template)]
        assert sources == [template, template]


def test_it_needs_no_weights(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "a.gguf", without=("blk.0.attn_q.weight",))
    assert load_model_text(path).kind == "base"


def test_a_missing_or_damaged_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no model file"):
        load_model_text(tmp_path / "gone.gguf")
    (tmp_path / "bad.gguf").write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(CorruptFileError):
        load_model_text(tmp_path / "bad.gguf")
