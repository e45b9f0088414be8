"""`LocalEmbedder`: texts to unit vectors with an embedding model of the project's own runtime."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

import numpy as np

from appkit.errors import CapabilityError
from runtime import DEFAULT_EMBEDDER, Engine, load_model


class LocalEmbedder:
    """An `Embedder`. Owns the model and its engine; `close` gives them back.

    Raises:
        runtime.errors.CatalogError: the name is unknown or not pulled; the message says how to pull it.
        runtime.errors.LoadError: the file is not a model this build runs.
        CapabilityError: the model writes text instead.
    """

    def __init__(self, name_or_path: str | Path = DEFAULT_EMBEDDER, *, num_threads: int | None = None) -> None:
        model = load_model(name_or_path, num_threads=num_threads)
        if model.kind != "embed":
            model.close()
            raise CapabilityError(
                f"{model.name} writes text and makes no vectors: use an embedding model such as {DEFAULT_EMBEDDER}.",
                model.name,
                "embed",
            )
        self._model = model
        self._engine = Engine(model)

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def dim(self) -> int:
        return self._model.config.hidden_size

    @property
    def max_seq_len(self) -> int:
        """Tokens of one text."""
        return self._model.config.max_seq_len

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> np.ndarray:
        """[n, dim] float32, rows of length 1; the model's own prefix for `kind` is added."""
        if isinstance(texts, str):
            raise TypeError("embed takes a list of texts; give [text] for one.")
        if not texts:
            return np.empty((0, self.dim), np.float32)
        vectors: np.ndarray = self._engine.embed(list(texts), kind=kind)
        return vectors

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` in this model, its start and end tokens not counted."""
        return self._model.count_tokens(text)

    def close(self) -> None:
        """Stop the engine and unmap the weights."""
        self._engine.close()
        self._model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
