"""Texts to unit vectors with an encoder: prefixes, packing, pooling, normalising.

Sequences are packed without padding, so a batch costs its tokens and no vector depends on its company.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np

from runtime.errors import ModelRuntimeError, SequenceTooLongError
from runtime.models.encoder import Encoder
from runtime.tokenizer.base import Tokenizer

EmbeddingKind = Literal["query", "document"]
BATCH_TOKENS = 2048  # one call of the encoder; its activations stay in the processor's caches


def encode_texts(
    texts: Sequence[str], kind: EmbeddingKind, tokenizer: Tokenizer, prefixes: Mapping[str, str], max_seq_len: int
) -> list[list[int]]:
    """Token ids of each text behind the prefix the model was trained with for `kind`; none is ever cut.

    Raises:
        TypeError: one str instead of several, or something that is no str.
        ValueError: an unknown kind.
        SequenceTooLongError: a text with more than `max_seq_len` tokens, prefix and special tokens included.
    """
    if isinstance(texts, str):
        raise TypeError(f"texts is one text, {texts[:40]!r}; give a list of texts: [text].")
    if kind not in ("query", "document"):
        raise ValueError(f'kind is {kind!r}; it is "query" or "document".')
    encoded = []
    for idx, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{idx}] is of type {type(text).__name__}; give texts as str.")
        input_ids = tokenizer.encode(prefixes.get(kind, "") + text, add_special=True)
        if len(input_ids) > max_seq_len:
            raise SequenceTooLongError(
                f"texts[{idx}] has {len(input_ids)} tokens and the embedder sees {max_seq_len}. Split it into shorter "
                "pieces; nothing is cut off silently.",
                len(input_ids),
                max_seq_len,
            )
        if not input_ids:
            raise ValueError(f"texts[{idx}] is {text!r}, which has no tokens in this model.")
        encoded.append(input_ids)
    return encoded


def batches(encoded: Sequence[Sequence[int]], max_tokens: int = BATCH_TOKENS) -> Iterator[Sequence[Sequence[int]]]:
    """Runs of texts in their order, each as many as `max_tokens` allows and at least one."""
    start = num_tokens = 0
    for idx, input_ids in enumerate(encoded):
        if idx > start and num_tokens + len(input_ids) > max_tokens:
            yield encoded[start:idx]
            start, num_tokens = idx, 0
        num_tokens += len(input_ids)
    if start < len(encoded):
        yield encoded[start:]


def embed_batch(encoder: Encoder, encoded: Sequence[Sequence[int]]) -> np.ndarray:
    """[n, E] float32: one vector of length 1 a text, pooled as `encoder.config.pooling` says.

    Raises ModelRuntimeError where the encoder gives something that has no direction.
    """
    cu_seqlens = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    hidden = encoder.forward(np.concatenate([np.array(ids, np.int32) for ids in encoded]), cu_seqlens)
    starts, ends = cu_seqlens[:-1], cu_seqlens[1:]
    if encoder.config.pooling == "cls":
        vectors = hidden[starts]
    else:
        vectors = np.stack([hidden[start:end].mean(axis=0) for start, end in zip(starts, ends, strict=True)])
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.all(np.isfinite(norms) & (norms > 0)):
        raise ModelRuntimeError(
            "The encoder gave a vector without a direction (zero or not finite). Verify the model file."
        )
    return np.asarray(vectors / norms, np.float32)
