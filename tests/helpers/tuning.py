"""A tiny model and a file of examples to fine-tune it on, and the bytes of what comes of it."""

from pathlib import Path

from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model
from tests.helpers.training_data import chat_line, write_lines

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


def write_tiny_chat_model(folder: Path) -> Path:
    """A model with a chat template."""
    return write_tiny_model(folder / "tiny.gguf", metadata={"tokenizer.chat_template": CHAT_TEMPLATE})


def write_sums(path: Path, count: int = 40) -> Path:
    """Questions with answers that a tiny model can come to like."""
    return write_lines(path, *[chat_line(f"how much is {i} and 1", f"it is {i + 1}") for i in range(count)])


def adapter_bytes(folder: Path) -> list[bytes]:
    """The files of an adapter."""
    return [(folder / name).read_bytes() for name in ADAPTER_FILES]
