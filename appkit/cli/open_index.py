"""Finds, opens and brings up to date the index of a folder, for every command that asks documents."""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.rag import Index
    from appkit.retrieval.index import DocumentIndex
    from appkit.retrieval.report import SyncReport


def require_folder(folder: Path) -> None:
    """Pass where `folder` is one that can be read.

    Raises:
        ValueError: one sentence that says why not.
    """
    try:
        with os.scandir(folder):
            return
    except FileNotFoundError:
        message = text("folder_missing", folder=folder)
    except NotADirectoryError:
        message = text("folder_is_file", folder=folder)
    except OSError as error:
        message = text("folder_unreadable", folder=folder, reason=error.strerror)
    raise ValueError(message)


def is_indexed(folder: Path) -> bool:
    """Whether there is an index of `folder`, which itself may be gone."""
    from appkit.retrieval.index import default_index_path

    return default_index_path(folder).exists()


def open_index(folder: Path) -> "DocumentIndex":
    """The folder's index, to be used in a `with` block.

    Raises:
        RetrievalError: there is none, it is damaged, or of another version; each says the way out.
    """
    from appkit.errors import RetrievalError
    from appkit.retrieval.index import DocumentIndex, default_index_path

    if not is_indexed(folder):
        require_folder(folder)
        raise RetrievalError(text("index_missing", folder=folder, quoted=shlex.quote(str(folder))))
    return DocumentIndex.open(default_index_path(folder))


def sync_folder(folder: Path, *, embedder: str | None = None, dry_run: bool = False) -> "SyncReport":
    """Bring the folder's index in line with it: a progress bar, and the offer to pull a missing embedding model.

    Raises:
        ValueError: there is no such folder.
        EmbedderMismatchError: the index was made with another embedder than `embedder`.
    """
    from appkit.cli.open_model import with_models
    from appkit.cli.progress import show_indexing
    from appkit.retrieval.index import DocumentIndex, default_index_path

    require_folder(folder)

    def sync() -> "SyncReport":
        path = default_index_path(folder)
        with DocumentIndex.open(path, embedder=embedder, create=True) as index, show_indexing() as progress:
            return index.sync(folder, dry_run=dry_run, progress=progress)

    return with_models(sync)


def open_for_questions(folder: Path, *, sync: bool = False) -> "Index":
    """The folder's index with its embedding model; the folder is indexed first where it never was, and says so.

    Args:
        sync: look for changed files also where there is an index already.

    Raises:
        RetrievalError: nothing in the folder can be read.
    """
    from appkit.cli.index_report import print_skipped, sync_sentence
    from appkit.cli.open_model import with_models
    from appkit.errors import RetrievalError
    from appkit.rag import Index
    from appkit.retrieval.loaders import SUPPORTED_SUFFIXES
    from runtime import ENTRIES, resolve

    is_new = not is_indexed(folder)
    if is_new:
        require_folder(folder)
        sys.stderr.write(text("index_first_time", folder=folder) + "\n")
    if is_new or sync:
        report = sync_folder(folder)
        if is_new or report.is_changed:
            sys.stderr.write(sync_sentence(report) + "\n")
            print_skipped(report.skipped)
    index = Index.open(folder)
    try:
        stats = index.stats()
        if not stats.num_documents:
            raise RetrievalError(text("index_nothing", folder=folder, kinds=" ".join(sorted(SUPPORTED_SUFFIXES))))
        if stats.embedder_name in ENTRIES:
            with_models(lambda: resolve(stats.embedder_name))
    except BaseException:
        index.close()
        raise
    return index
