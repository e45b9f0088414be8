"""Runs networks in tests without an engine: one file in, logits out, over pages laid out by hand."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from runtime.kernels.ops import PAGE_SIZE, KVDtype, KVPool, PageTable
from runtime.kernels.registry import get_backend
from runtime.layers.adapter import AdapterWeights
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.names import check_tensors
from runtime.loaders.weights import load_decoder_weights, load_encoder_weights
from runtime.models.decoder import Decoder
from runtime.models.encoder import Encoder
from runtime.models.registry import build_config

NUM_THREADS = 1  # tests share their processors; that more threads change nothing is for the contract tests to say


def load_decoder(path: Path, backend: str) -> Decoder:
    """The decoder of a file, without tokenizer or template."""
    with GGUFFile.open(path) as file:
        config = build_config(file.metadata, path)
        check_tensors(config, file.tensors, path)
        kernels = get_backend(backend, NUM_THREADS)
        return Decoder(config, load_decoder_weights(file, config, kernels), kernels)


def load_encoder(path: Path, backend: str) -> Encoder:
    """The encoder of a file, without tokenizer."""
    with GGUFFile.open(path) as file:
        config = build_config(file.metadata, path)
        check_tensors(config, file.tensors, path)
        kernels = get_backend(backend, NUM_THREADS)
        return Encoder(config, load_encoder_weights(file, config, kernels), kernels)


def new_pool(decoder: Decoder, num_tokens: int, dtype: KVDtype = "f32") -> KVPool:
    """A pool that holds `num_tokens` positions of one sequence, with a page to spare at the front."""
    return decoder.backend.new_kv_pool(decoder.kv_shape(1 + -(-num_tokens // PAGE_SIZE), dtype))


def one_sequence(start: int, end: int, first_page: int = 1) -> PageTable:
    """A step over positions start … end − 1 of one sequence whose pages follow each other."""
    num_pages = -(-end // PAGE_SIZE)
    return PageTable(
        page_ids=np.arange(first_page, first_page + num_pages, dtype=np.int32)[None],
        query_starts=np.array([0, end - start], np.int32),
        kv_lens=np.array([end], np.int32),
    )


def logits_in_steps(
    decoder: Decoder,
    input_ids: Sequence[int] | np.ndarray,
    step_lens: Sequence[int],
    *,
    dtype: KVDtype = "f32",
    adapter: AdapterWeights | None = None,
) -> np.ndarray:
    """[T, V]: logits at every position, the sequence fed in steps of the given lengths."""
    ids = np.asarray(input_ids, np.int32)
    assert sum(step_lens) == len(ids), (step_lens, len(ids))
    pool = new_pool(decoder, len(ids), dtype)
    parts, start = [], 0
    for length in step_lens:
        end = start + length
        rows = np.arange(length, dtype=np.int32)
        parts.append(decoder.forward(ids[start:end], one_sequence(start, end), pool, rows, adapter))
        start = end
    return np.concatenate(parts)


def greedy_ids(decoder: Decoder, prompt_ids: Sequence[int], num_tokens: int) -> list[int]:
    """The next `num_tokens` ids, each the likeliest, from a cache that grows by one."""
    pool = new_pool(decoder, len(prompt_ids) + num_tokens)
    new_ids: list[int] = []
    step = list(prompt_ids)
    end = 0
    for _ in range(num_tokens):
        start, end = end, end + len(step)
        last_row = np.array([len(step) - 1], np.int32)
        logits = decoder.forward(np.array(step, np.int32), one_sequence(start, end), pool, last_row)
        step = [int(logits[0].argmax())]
        new_ids += step
    return new_ids
