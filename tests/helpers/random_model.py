"""A model of random weights with the vocabulary of another GGUF file: what it writes is as wild as its tokens allow.

python -m tests.helpers.random_model OUT.gguf VOCABULARY.gguf
"""

import sys
from pathlib import Path

import numpy as np

from runtime.loaders.gguf import GGUFFile
from tests.helpers.tiny_model import HIDDEN, SEED, write_tiny_model

CONTEXT_LEN = 1024


def write_random_model(path: Path, vocabulary: Path) -> Path:
    """Write a tiny Llama that has the tokens of `vocabulary`, and return its path."""
    with GGUFFile.open(vocabulary) as file:
        metadata = {key: value for key, value in file.metadata.items() if key.startswith("tokenizer.ggml.")}
        metadata["llama.context_length"] = CONTEXT_LEN
        vocab_size = len(metadata["tokenizer.ggml.tokens"])
        embedding = np.random.default_rng(SEED).standard_normal((vocab_size, HIDDEN), np.float32) / np.float32(8)
        return write_tiny_model(path, metadata=metadata, replaced={"token_embd.weight": embedding}, format="Q8_0")


if __name__ == "__main__":
    write_random_model(Path(sys.argv[1]), Path(sys.argv[2]))
