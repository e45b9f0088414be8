"""Fixtures of the tests of fine-tuning."""

from pathlib import Path

import pytest

from tests.helpers.tuning import write_sums, write_tiny_chat_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_tiny_chat_model(tmp_path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_sums(tmp_path / "sums.jsonl")
