"""`load_model`: from a catalog name or a path to a model that is ready to run."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from runtime.config import ModelConfig
from runtime.errors import LoadError
from runtime.kernels.ops import Backend, KVDtype
from runtime.kernels.registry import get_backend
from runtime.loaders.catalog import CatalogEntry, find_entry, resolve
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.memory import available_memory_bytes
from runtime.loaders.model_text import ModelKind, context_limit, model_kind, read_chat_template
from runtime.loaders.names import check_tensors
from runtime.loaders.weights import load_decoder_weights, load_encoder_weights
from runtime.models.decoder import Decoder
from runtime.models.encoder import Encoder
from runtime.models.registry import build_config
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.chat_template import ChatTemplate

BackendName = Literal["cpu", "reference"]


class Model:
    """A loaded model: its tokenizer, its network in a backend's memory, and what is known about it.

    Made by `load_model`. `close` releases the weights; a closed model cannot run again.
    """

    def __init__(
        self,
        *,
        name: str,
        path: Path,
        kind: ModelKind,
        config: ModelConfig,
        tokenizer: Tokenizer,
        chat_template: ChatTemplate | None,
        network: Decoder | Encoder,
        entry: CatalogEntry | None,
        kv_dtype: KVDtype,
        bytes_by_format: Mapping[str, int],
        bytes_per_token: int,
    ) -> None:
        self.name = name
        self.path = path
        self.kind = kind
        self.config = config
        self.tokenizer = tokenizer
        self.chat_template = chat_template
        self.entry = entry
        self.kv_dtype = kv_dtype
        self.bytes_by_format = bytes_by_format  # of the weights, as stored in the file
        self.bytes_per_token = bytes_per_token  # of the weights that one token of decoding reads
        self._network: Decoder | Encoder | None = network

    @property
    def network(self) -> Decoder | Encoder:
        """The decoder or encoder. Raises ValueError once the model is closed."""
        if self._network is None:
            raise ValueError(f"The model {self.name} has been closed; load it again.")
        return self._network

    @property
    def backend(self) -> Backend:
        """What the network runs on."""
        return self.network.backend

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` alone, without start and end tokens; special tokens spelled out in it count as text."""
        return len(self.tokenizer.encode(text))

    def describe(self) -> dict[str, Any]:
        """What `appkit doctor` and `appkit models info` print: plain values, sizes in bytes and tokens."""
        config = self.config
        return {
            "name": self.name,
            "path": str(self.path),
            "architecture": config.architecture,
            "kind": self.kind,
            "backend": self.backend.name,
            "num_layers": config.num_layers,
            "hidden_size": config.hidden_size,
            "vocab_size": config.vocab_size,
            "max_seq_len": config.max_seq_len,
            "weight_bytes": sum(self.bytes_by_format.values()),
            "bytes_by_format": dict(self.bytes_by_format),
            "bytes_per_token": self.bytes_per_token,
        }

    def close(self) -> None:
        """Release the weights. Closing twice is fine."""
        self._network = None

    def __enter__(self) -> "Model":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def load_model(
    name_or_path: str | Path,
    *,
    backend: BackendName = "cpu",
    num_threads: int | None = None,
    kv_dtype: KVDtype = "f16",
    max_seq_len: int | None = None,
) -> Model:
    """Open a model and put its weights into a backend.

    Args:
        name_or_path: a catalog name ("smollm2-135m") or the path of a GGUF file.
        num_threads: threads of the backend; None for what the process may use.
        kv_dtype: how engines store keys and values.
        max_seq_len: a lower limit than the model's own context, in tokens.

    Raises:
        CatalogError: a name that is unknown or not pulled yet, or a path without a file.
        LoadError: the file is damaged (CorruptFileError), needs something we lack (UnsupportedModelError), or is
            larger than the memory at hand.
        KernelUnavailableError: a backend that cannot run here.
        ValueError: an unknown backend, or a limit out of range.
    """
    if max_seq_len is not None and max_seq_len < 1:
        raise ValueError(f"max_seq_len is {max_seq_len}; a context holds at least 1 token.")
    if kv_dtype not in ("f32", "f16"):
        raise ValueError(f"kv_dtype is {kv_dtype!r}; keys and values are stored as 'f16' or 'f32'.")
    kernels = get_backend(backend, num_threads)
    path = resolve(name_or_path)
    entry = find_entry(name_or_path)
    with GGUFFile.open(path) as file:  # backends that keep views of the weights keep the mapping alive by them
        return _build_model(file, path, entry, kernels, kv_dtype, max_seq_len)


def _build_model(
    file: GGUFFile,
    path: Path,
    entry: CatalogEntry | None,
    backend: Backend,
    kv_dtype: KVDtype,
    max_seq_len: int | None,
) -> Model:
    config = build_config(file.metadata, path)
    check_tensors(config, file.tensors, path)
    _check_memory(file, path, backend)
    tokenizer = build_tokenizer(file.metadata, path.with_name(f"{path.name}.tokenizer"))
    template = read_chat_template(file, tokenizer)
    network = _build_network(file, config, backend, context_limit(config, entry, max_seq_len))
    return Model(
        name=entry.name if entry is not None else path.stem,
        path=path,
        kind=model_kind(entry, config, template),
        config=network.config,
        tokenizer=tokenizer,
        chat_template=template,
        network=network,
        entry=entry,
        kv_dtype=kv_dtype,
        bytes_by_format=_bytes_by_format(file),
        bytes_per_token=_bytes_per_token(file),
    )


def _build_network(file: GGUFFile, config: ModelConfig, backend: Backend, context_limit: int) -> Decoder | Encoder:
    limited = replace(config, max_seq_len=context_limit)
    if config.kind == "encoder":
        return Encoder(limited, load_encoder_weights(file, config, backend), backend)
    return Decoder(limited, load_decoder_weights(file, config, backend), backend)


def _check_memory(file: GGUFFile, path: Path, backend: Backend) -> None:
    """Refuse weights that cannot fit, before any of them is read."""
    needed = sum(info.num_bytes for info in file.tensors.values())
    if backend.name == "reference":  # it computes on dequantised copies
        needed += 4 * sum(math.prod(info.shape) for info in file.tensors.values())
    available = available_memory_bytes()
    if available is not None and needed > available:
        raise LoadError(
            f"{path} needs {needed / 1e6:,.0f} MB of memory for its weights on the {backend.name} backend; "
            f"{available / 1e6:,.0f} MB are available. Close other programs, or use a smaller model: "
            "`appkit models recommend` names one.",
            path,
        )


def _bytes_per_token(file: GGUFFile) -> int:
    """Every weight once; of a table of embeddings one row, unless it is the head as well."""
    total = sum(info.num_bytes for info in file.tensors.values())
    table = file.tensors.get("token_embd.weight")
    if table is None or "output.weight" not in file.tensors:
        return total
    return total - table.num_bytes + table.num_bytes // table.shape[0]


def _bytes_by_format(file: GGUFFile) -> dict[str, int]:
    """Bytes of weights stored in each format, most first."""
    totals: dict[str, int] = {}
    for info in file.tensors.values():
        totals[info.format] = totals.get(info.format, 0) + info.num_bytes
    return dict(sorted(totals.items(), key=lambda item: -item[1]))
