"""Opens a model for a command, and offers a person to fetch one that is not here."""

import sys
from pathlib import Path

from appkit.cli.texts import text
from appkit.llm.base import LanguageModel
from appkit.llm.open import open_model


def open_for_terminal(spec: str, *, num_threads: int | None = None) -> LanguageModel:
    """`open_model`, after asking whether to pull a catalog model that is missing.

    Asks only where a person is there to answer: standard input and error are both a terminal.

    Raises:
        runtime.errors.CatalogError: the model is not here and is not to be fetched; the message says how to.
    """
    if not spec.startswith("scripted:") and sys.stdin.isatty() and sys.stderr.isatty():
        _offer_to_pull(spec)
    return open_model(spec, num_threads=num_threads)


def _offer_to_pull(name: str) -> None:
    from runtime import ENTRIES, is_offline, resolve
    from runtime.errors import CatalogError

    entry = ENTRIES.get(name)
    if entry is None or is_offline():
        return
    try:
        resolve(name)
    except CatalogError:
        size_mb = entry.download_bytes / 1e6
        sys.stderr.write(text("pull_question", model=name, size_mb=size_mb, licence=entry.licence))
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() in ("", "y", "yes", "是", "好"):
            _pull(name)


def _pull(name: str) -> Path:
    from appkit.cli.progress import show_progress
    from runtime import pull

    with show_progress(name) as progress:
        return pull(name, progress=progress)
