"""What a model file says about text: its tokenizer, chat template and context. No weights are read."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runtime.config import ModelConfig
from runtime.loaders.catalog import CatalogEntry, find_entry, resolve
from runtime.loaders.gguf import GGUFFile
from runtime.models.registry import build_config
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.chat_template import ChatTemplate

ModelKind = Literal["chat", "base", "embed"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelText:
    """A model without its network: enough to know what it would be shown."""

    name: str
    path: Path
    kind: ModelKind
    tokenizer: Tokenizer
    chat_template: ChatTemplate | None
    max_seq_len: int
    entry: CatalogEntry | None


def load_model_text(name_or_path: str | Path) -> ModelText:
    """The text side of a model, in the time its tokenizer takes.

    Raises:
        CatalogError: a name that is unknown or not pulled yet, or a path without a file.
        LoadError: the file is damaged (CorruptFileError), or needs something we lack (UnsupportedModelError).
    """
    path = resolve(name_or_path)
    entry = find_entry(name_or_path)
    with GGUFFile.open(path) as file:
        config = build_config(file.metadata, path)
        tokenizer = build_tokenizer(file.metadata, path.with_name(f"{path.name}.tokenizer"))
        template = read_chat_template(file, tokenizer)
    return ModelText(
        name=entry.name if entry is not None else path.stem,
        path=path,
        kind=model_kind(entry, config, template),
        tokenizer=tokenizer,
        chat_template=template,
        max_seq_len=context_limit(config, entry, None),
        entry=entry,
    )


def read_chat_template(file: GGUFFile, tokenizer: Tokenizer) -> ChatTemplate | None:
    """The template that the file carries, if it does."""
    source = file.metadata.get("tokenizer.chat_template")
    if not isinstance(source, str) or not source.strip():
        return None
    return ChatTemplate(
        source,
        bos_token=_special_text(tokenizer, tokenizer.bos_id),
        eos_token=_special_text(tokenizer, tokenizer.eos_id),
    )


def model_kind(entry: CatalogEntry | None, config: ModelConfig, template: ChatTemplate | None) -> ModelKind:
    """What the catalog says of a model it knows; else what its architecture and template tell."""
    if entry is not None:
        return entry.kind
    if config.kind == "encoder":
        return "embed"
    return "chat" if template is not None else "base"


def context_limit(config: ModelConfig, entry: CatalogEntry | None, max_seq_len: int | None) -> int:
    """The least of what the file, the catalog and the caller allow, in tokens."""
    limits = [config.max_seq_len, max_seq_len, entry.max_seq_len if entry is not None else None]
    return min(limit for limit in limits if limit is not None)


def _special_text(tokenizer: Tokenizer, token_id: int | None) -> str:
    return "" if token_id is None else tokenizer.token_bytes(token_id).decode("utf-8", "replace")
