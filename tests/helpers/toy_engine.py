"""A decoder made for testing the engine: it keeps ids instead of keys and values, and reads all of them back each step.

Its next token is a hash of everything its pages say came before: a page that is shared wrongly, overwritten or freed
too early changes what comes out, and a hand loop over `next_token` says what must. It takes no time: thousands of
random schedules run in seconds. What needs real arithmetic uses `tiny_model.py`.
"""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from runtime.config import ModelConfig
from runtime.kernels.ops import PAGE_SIZE, KVDtype, KVShape, PageTable
from runtime.models.decoder import Decoder

VOCAB = 256 + 8  # every byte, then special tokens
EOS, EOT, BOS = 256, 257, 258
PAGE_BYTES = KVShape(num_layers=1, num_pages=1, num_kv_heads=1, head_dim=1, dtype="f32").page_bytes


class ToyTokenizer:
    """A byte is a token, so every Chinese character is three."""

    vocab_size = VOCAB
    bos_id, eos_id = BOS, EOS
    eog_ids = frozenset({EOS, EOT})
    special_ids = frozenset(range(256, VOCAB))
    adds_bos, adds_eos = True, False

    def encode(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        return [BOS] * add_special + list(text.encode())

    def decode(self, ids: Sequence[int] | np.ndarray, *, skip_special: bool = True) -> str:
        return bytes(i for i in ids if i < 256).decode("utf-8", "replace")

    def token_bytes(self, token_id: int) -> bytes:
        return bytes([token_id]) if token_id < 256 else b"<special>"

    def token_id(self, token: str) -> int | None:
        return None

    def stream(self, *, skip_special: bool = True, continues: bool = False) -> "ToyStream":
        return ToyStream()


class ToyStream:
    def __init__(self) -> None:
        self._bytes = b""

    def push(self, token_id: int) -> str:
        if token_id >= 256:
            return ""
        self._bytes += bytes([token_id])
        try:
            text = self._bytes.decode()
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                return ""
            text = self._bytes.decode("utf-8", "replace")
        self._bytes = b""
        return text

    def flush(self) -> str:
        text, self._bytes = self._bytes.decode("utf-8", "replace"), b""
        return text


def next_token(history: Sequence[int]) -> int:
    """What the toy says after `history`: a printable byte that depends on every id, now and then the end."""
    digest = zlib.crc32(np.array(history, np.int32).tobytes())
    return EOS if digest % 31 == 0 else 97 + digest % 26


class ToyDecoder(Decoder):
    """`says` gives the token with the highest logit after a history; the rest falls off by distance."""

    def __init__(self, max_seq_len: int, says: Callable[[Sequence[int]], int]) -> None:
        self.config = toy_config(max_seq_len)
        self.backend: Any = SimpleNamespace(
            new_kv_pool=lambda shape: np.full((shape.num_pages, PAGE_SIZE), -1, np.int32)
        )
        self.says = says
        self.num_computed = 0
        self._adapters: np.ndarray | None = None  # which adapter wrote each slot of the pool
        self.before_forward: Callable[[np.ndarray], None] = lambda input_ids: None

    def kv_shape(self, num_pages: int, dtype: KVDtype = "f32") -> KVShape:
        return KVShape(num_layers=1, num_pages=num_pages, num_kv_heads=1, head_dim=1, dtype="f32")

    def forward(
        self, input_ids: np.ndarray, pages: PageTable, pool: Any, logit_rows: np.ndarray, adapter: object = None
    ) -> np.ndarray:
        self.before_forward(input_ids)
        self.num_computed += len(input_ids)
        positions = pages.positions()
        owners = np.repeat(np.arange(len(pages.kv_lens)), np.diff(pages.query_starts))
        self._store(input_ids, pages, pool, adapter)
        logits = np.empty((len(logit_rows), VOCAB), np.float32)
        for row, logit_row in zip(logits, logit_rows, strict=True):
            history = pool[pages.page_ids[owners[logit_row]]].reshape(-1)[: positions[logit_row] + 1]
            said = self.says(history.tolist())
            row[:] = np.nan if said < 0 else -0.1 * np.abs(np.arange(VOCAB) - said)
        return logits

    def write_prefix(self, prefix: object, pages: PageTable, pool: Any) -> None:
        self._store(-1 - pages.positions(), pages, pool, prefix)

    def _store(self, ids: np.ndarray, pages: PageTable, pool: Any, adapter: object) -> None:
        """Everything that a step reads was written with the step's own adapter."""
        positions = pages.positions()
        owners = np.repeat(np.arange(len(pages.kv_lens)), np.diff(pages.query_starts))
        slots = pages.page_ids[owners, positions // PAGE_SIZE], positions % PAGE_SIZE
        pool[slots] = ids
        if self._adapters is None or self._adapters.shape != pool.shape:
            self._adapters = np.full(pool.shape, None, object)
        self._adapters[slots] = adapter
        for page_ids, kv_len in zip(pages.page_ids, pages.kv_lens, strict=True):
            read = self._adapters[page_ids].reshape(-1)[:kv_len]
            assert all(written_with is adapter for written_with in read), "read what another adapter wrote"


def toy_config(max_seq_len: int) -> ModelConfig:
    return ModelConfig(
        architecture="toy",
        kind="decoder",
        vocab_size=VOCAB,
        hidden_size=1,
        intermediate_size=1,
        num_layers=1,
        num_heads=1,
        num_kv_heads=1,
        head_dim=1,
        max_seq_len=max_seq_len,
        norm_eps=1e-6,
        activation="silu",
        attention_scale=1.0,
        rope=None,
    )


def toy_model(max_seq_len: int = 512, says: Callable[[Sequence[int]], int] = next_token) -> Any:
    """What `Engine` needs of a `Model`, around a toy decoder."""
    network = ToyDecoder(max_seq_len, says)
    return SimpleNamespace(
        name="toy",
        path=Path("toy.gguf"),
        config=network.config,
        tokenizer=ToyTokenizer(),
        network=network,
        entry=None,
        kv_dtype="f32",
    )


def says_text(text: str) -> Callable[[Sequence[int]], int]:
    """A toy that answers every prompt that ends with a start token with `text`, byte by byte, then ends."""
    tokens = [*text.encode(), EOS]

    def says(history: Sequence[int]) -> int:
        num_said = len(history) - 1 - max(i for i, token in enumerate(history) if token == BOS)
        return tokens[min(num_said, len(tokens) - 1)]

    return says


def expected_ids(prompt_ids: Sequence[int], max_tokens: int) -> tuple[int, ...]:
    """What greedy decoding of `next_token` gives, by a hand loop."""
    history = list(prompt_ids)
    for _ in range(max_tokens):
        history.append(next_token(history))
        if history[-1] == EOS:
            break
    return tuple(history[len(prompt_ids) :])
