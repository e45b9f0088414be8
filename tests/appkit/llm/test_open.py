"""One name opens any model."""

from pathlib import Path

import pytest

from appkit import LocalModel, ScriptedModel, open_model
from runtime.errors import CatalogError
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
