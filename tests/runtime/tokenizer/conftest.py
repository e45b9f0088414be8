"""Real vocabularies, opened once for all tests of this folder."""

import functools
from collections.abc import Callable

import pytest

from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.build import build_tokenizer
from tests.helpers.shared_data import shared_data


@functools.cache
def _open(name: str) -> Tokenizer:
    with GGUFFile.open(shared_data("tokenizer-vocabs") / f"ggml-vocab-{name}.gguf") as file:
        return build_tokenizer(file.metadata)


@pytest.fixture(scope="session")
def vocabulary() -> Callable[[str], Tokenizer]:
    """The tokenizer of one of the six vocabularies in the shared data, by name; the test is skipped without them."""
    return _open
