"""`SentenceTransformersEmbedder`: any embedding model of the sentence-transformers library (extra `[torch]`).

The built-in embedders need no torch; this one is for every other model. Weights must be safetensors: pickled ones can
run code when they are read.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

from appkit.errors import AppkitError, ContextOverflowError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PREFIX = "st:"  # how a model of the library is named where embedders are named


class SentenceTransformersEmbedder:
    """An `Embedder`. Texts longer than the model reads are an error; the library would cut them without a word.

    Args:
        name_or_path: a folder, or a hub name, which the library downloads at the first use; "st:" in front is ignored.
        device: "cpu", "cuda", …; None leaves it to the library.

    Raises:
        AppkitError: the library is not installed, or the model cannot be loaded.
    """

    def __init__(self, name_or_path: str | Path, *, device: str | None = None) -> None:
        wanted = str(name_or_path).removeprefix(PREFIX)
        self._name = PREFIX + wanted
        self._model = _load(wanted, device)

    @property
    def name(self) -> str:
        return self._name

    @property
    def dim(self) -> int:
        dim = self._model.get_embedding_dimension()
        assert dim is not None, self._name
        return dim

    @property
    def max_seq_len(self) -> int | None:
        """Tokens of one text; None where the model does not say."""
        return self._model.get_max_seq_length()

    def embed(self, texts: Sequence[str], kind: Literal["query", "document"] = "document") -> np.ndarray:
        """[n, dim] float32, rows of length 1; the model's own prompt for `kind` is added where it has one.

        Raises:
            ContextOverflowError: a text is longer than the model reads; the message says which.
        """
        if isinstance(texts, str):
            raise TypeError("embed takes a list of texts; give [text] for one.")
        listed = list(texts)
        if not listed:
            return np.empty((0, self.dim), np.float32)
        self._check_lengths(listed)
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        vectors = encode(listed, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` in this model, its start and end tokens not counted."""
        return len(self._model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def close(self) -> None:
        """Here so that all embedders close alike; the memory goes with the last reference."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _check_lengths(self, texts: list[str]) -> None:
        limit = self.max_seq_len
        if limit is None:
            return
        for place, text in enumerate(texts):
            num_tokens = len(self._model.tokenizer(text, verbose=False)["input_ids"])
            if num_tokens > limit:
                raise ContextOverflowError(
                    f"Text {place} is {num_tokens:,} tokens and {self._name} reads {limit:,}: split it first.",
                    num_tokens,
                    limit,
                )


def _load(wanted: str, device: str | None) -> "SentenceTransformer":
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise AppkitError(
            f"{PREFIX}{wanted} needs the sentence-transformers library: pip install 'appkit-llm[torch]'."
        ) from error
    try:
        return SentenceTransformer(wanted, device=device, model_kwargs={"use_safetensors": True})
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n", maxsplit=1)[0]
        raise AppkitError(
            f"sentence-transformers cannot load {wanted}: {reason} Give a folder that holds the model with safetensors "
            "weights, or a name on the hub."
        ) from error
