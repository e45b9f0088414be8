"""What suits a model: its template, its system message, its context."""

from pathlib import Path

import pytest

from runtime.loaders.model_text import load_model_text
from runtime.tokenizer.chat_template import PlainTemplate
from runtime.training.data.encode import DEFAULT_MAX_LEN
from runtime.training.data.model_encoding import model_encoding
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import CHAT_TEMPLATE, CONTEXT_LEN, write_tiny_model


def test_a_chat_model_is_asked_through_its_template(tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "a.gguf", metadata={"tokenizer.chat_template": CHAT_TEMPLATE})
    template, settings = model_encoding(load_model_text(path))
    assert template.source == CHAT_TEMPLATE
    assert (settings.prompts, settings.system, settings.max_len) == ("chat", "", CONTEXT_LEN)


def test_a_base_model_continues_texts(tmp_path: Path) -> None:
    template, settings = model_encoding(load_model_text(write_tiny_model(tmp_path / "a.gguf")), max_len=64)
    assert (settings.prompts, settings.max_len) == ("text", 64)
    assert not isinstance(template, PlainTemplate)  # its vocabulary has the tokens of ChatML


def test_the_tested_system_message_is_the_one_a_chat_sends() -> None:
    model = load_model_text(real_model("smollm2-135m"))
    assert model.name
    _, settings = model_encoding(load_model_text("smollm2-135m"))
    assert settings.system == load_model_text("smollm2-135m").entry.system_prompt  # type: ignore[union-attr]
    assert settings.system
    assert settings.max_len == DEFAULT_MAX_LEN
    assert model_encoding(load_model_text("smollm2-135m"), system="")[1].system == ""


def test_more_than_the_context_is_refused(tmp_path: Path) -> None:
    model = load_model_text(write_tiny_model(tmp_path / "a.gguf"))
    with pytest.raises(ValueError, match=f"513 tokens are more than the {CONTEXT_LEN} that a can read"):
        model_encoding(model, max_len=CONTEXT_LEN + 1)


def test_a_model_of_vectors_is_refused(tmp_path: Path) -> None:
    model = load_model_text(write_tiny_model(tmp_path / "a.gguf", "bert"))
    with pytest.raises(ValueError, match="turns texts into vectors"):
        model_encoding(model)
