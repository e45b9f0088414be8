"""Opens what a command needs, and offers a person to fetch a model that is not here."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from appkit.cli.texts import text
from appkit.llm.base import LanguageModel
from appkit.llm.open import open_model

T = TypeVar("T")


def open_for_terminal(spec: str, *, num_threads: int | None = None, adapter: Path | None = None) -> LanguageModel:
    """`open_model`, after asking whether to pull a catalog model that is missing.

    Raises:
        runtime.errors.CatalogError: the model is not here and is not to be fetched; the message says how to.
    """
    return with_models(lambda: open_model(spec, num_threads=num_threads, adapter=adapter))


def with_models(action: Callable[[], T]) -> T:
    """What `action` returns. Where it misses a catalog model, a person is asked, and it is begun again with the model.

    Asks only where a person is there to answer: standard input and error are both a terminal.

    Raises:
        runtime.errors.NotPulledError: a model is not here and is not to be fetched; the message says how to.
    """
    from runtime.errors import NotPulledError

    asked: set[str] = set()
    while True:
        try:
            return action()
        except NotPulledError as error:
            if error.name in asked or not _agrees_to_pull(error.name):
                raise
            asked.add(error.name)
            _pull(error.name)


def _agrees_to_pull(name: str) -> bool:
    from runtime import ENTRIES, is_offline

    entry = ENTRIES.get(name)
    if entry is None or is_offline() or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    size_mb = entry.download_bytes / 1e6
    sys.stderr.write(text("pull_question", model=name, size_mb=size_mb, licence=entry.licence))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("", "y", "yes", "是", "好")


def _pull(name: str) -> Path:
    from appkit.cli.progress import show_progress
    from runtime import pull

    with show_progress(name) as progress:
        return pull(name, progress=progress)
