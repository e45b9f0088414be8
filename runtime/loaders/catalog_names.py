"""How models are called: catalog names, names in the store, paths, and `hf:…`."""

import difflib
import os
from pathlib import Path

from runtime.errors import CatalogError
from runtime.files import is_safe_name
from runtime.loaders import catalog_store as store
from runtime.loaders.catalog_entries import ENTRIES, CatalogEntry
from runtime.loaders.hub_name import parse_hub_name


def store_name(name: str) -> str:
    """The name a model has in the store. Raises CatalogError where it can have none."""
    if name.startswith("hf:"):
        return parse_hub_name(name).stored_name
    if not is_safe_name(name):
        raise CatalogError(
            f"{name[:140]!r} cannot be a model name: use up to 128 letters, digits, '.', '_' and '-'."
            + near_names(name[:140])
        )
    return name


def is_path(name: str) -> bool:
    """A name with a separator or ending in .gguf is a path; catalog names have neither."""
    return not name.startswith("hf:") and ("/" in name or os.sep in name or name.lower().endswith(".gguf"))


def as_path(name: str) -> Path:
    """The path that `name` spells, `~` expanded. Raises CatalogError where it can be none."""
    try:
        if "\0" in name:
            raise RuntimeError("a path holds no NUL")
        return Path(name).expanduser()
    except RuntimeError as error:  # also a home folder that does not exist: ~nobody/x.gguf
        raise CatalogError(f"{name[:300]!r} is not a path: {error}.") from error


def near_names(name: str) -> str:
    """A sentence that offers the known names, nearest first."""
    known = sorted({*ENTRIES, *(manifest.name for manifest in store.installed())})
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    question = f"Did you mean {', '.join(near)}?" if near else f"Known are {', '.join(known)}."
    return f" {question} `appkit models list` shows all."


def find_entry(name_or_path: str | Path) -> CatalogEntry | None:
    """The catalog's entry of a name, or of the stored file a path leads to; None where it has none."""
    name = os.fspath(name_or_path)
    if not is_path(name):
        return ENTRIES.get(name)
    try:
        path = as_path(name).resolve()
    except CatalogError:
        return None
    if path.parent.parent != store.models_dir().resolve():
        return None
    entry = ENTRIES.get(path.parent.name)
    return entry if entry is not None and entry.file_name == path.name else None
