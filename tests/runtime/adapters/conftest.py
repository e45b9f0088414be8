from collections.abc import Iterator

import pytest

from runtime.loaders.load import Model, load_model
from tests.helpers.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """A tiny Llama, whose file is called tiny.gguf."""
    with load_model(write_tiny_model(tmp_path_factory.mktemp("base") / "tiny.gguf", "llama")) as loaded:
        yield loaded
