"""One name opens any model."""

from pathlib import Path

import pytest

from appkit import LocalModel, RemoteModel, ScriptedModel, open_model
from runtime.errors import CatalogError, NotPulledError
from tests.helpers.openai_server import serve
from tests.helpers.tiny_model import write_tiny_model


def test_scripted_answers_come_in_turn_and_over_again() -> None:
    with open_model("scripted:one|two") as model:
        assert isinstance(model, ScriptedModel)
        assert [model.generate("x").text for _ in range(3)] == ["one", "two", "one"]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_path_opens_a_local_model(as_text: bool, tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "tiny.gguf")
    with open_model(str(path) if as_text else path, num_threads=1) as model:
        assert isinstance(model, LocalModel)
        assert model.name == "tiny"


def test_a_missing_file_is_named() -> None:
    with pytest.raises(CatalogError, match=r"nowhere\.gguf"):
        open_model("./nowhere.gguf")


def test_an_address_opens_a_remote_model() -> None:
    with serve(ScriptedModel(["x"])) as server, open_model(server.spec) as model:
        assert isinstance(model, RemoteModel)


def test_a_hub_name_that_was_not_pulled_says_how_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path))
    with pytest.raises(NotPulledError, match=r"appkit models pull hf:owner/repo/file\.gguf"):
        open_model("hf:owner/repo/file.gguf")


@pytest.mark.parametrize("spec", ["gpt:4", "ollama:llama3", "OPENAI:http://host/v1"])
def test_a_kind_of_model_that_there_is_not_lists_the_ones_there_are(spec: str) -> None:
    with pytest.raises(
        ValueError, match=r"No kind of model begins with .*: give a catalog name .*hf:.*openai:.*scripted:"
    ):
        open_model(spec)


def test_an_address_without_its_prefix_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="Put openai: before the address") as caught:
        open_model("https://user:secret@host/v1")
    assert "secret" not in str(caught.value)


def test_a_file_whose_name_looks_like_a_kind_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tiny_model(tmp_path / "my:tiny.gguf")
    monkeypatch.chdir(tmp_path)
    with open_model("my:tiny.gguf", num_threads=1) as model:
        assert isinstance(model, LocalModel)
