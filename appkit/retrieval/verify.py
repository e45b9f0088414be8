"""Is an index what was written, and does it agree with itself? And what can be made anew where not."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from appkit.errors import IndexDamagedError
from appkit.retrieval.draft import text_sha256
from appkit.retrieval.generation import Generation, check_database
from appkit.retrieval.hnsw import HNSW_ABOVE, has_faiss
from appkit.retrieval.manifest import MANIFEST, is_manifest_whole, write_manifest
from appkit.retrieval.store import Store
from appkit.retrieval.vectors import map_file, matrix_of
from runtime.files import sha256_file

_MAX_PROBLEMS = 100


def verify_generation(generation: Generation) -> list[str]:
    """A sentence for each problem, up to a hundred of them."""
    problems: list[str] = []
    for problem in _problems(generation):
        problems.append(problem)
        if len(problems) == _MAX_PROBLEMS:
            problems.append("There may be more problems; these are the first.")
            break
    return problems


def repair_generation(generation: Generation) -> None:
    """Write anew what is damaged and can be derived.

    Raises:
        IndexDamagedError: the database itself is damaged.
    """
    manifest, folder = generation.manifest, generation.folder
    check_database(folder / manifest.database.name, manifest, folder)
    if not _is_matrix_whole(generation):
        generation.write_matrix()
    if _graph_problem(generation) is not None:
        generation.write_graph()
    if not all(is_manifest_whole(path) for path in _manifests(generation)):
        write_manifest(folder, manifest)


def _problems(generation: Generation) -> Iterator[str]:
    manifest, folder = generation.manifest, generation.folder
    for path in _manifests(generation):
        if not is_manifest_whole(path):
            yield f"{path.name} is missing or damaged; repair makes it anew."
    if not _is_matrix_whole(generation):
        yield f"{manifest.vectors.name} is missing or damaged; repair makes it anew."
    if (problem := _graph_problem(generation)) is not None:
        yield problem
    try:
        check_database(folder / manifest.database.name, manifest, folder)
    except FileNotFoundError:
        yield f"{manifest.database.name} is missing: it was removed, or another process has committed a newer state."
        return
    except IndexDamagedError as error:
        yield str(error)
    try:
        yield from _database_problems(generation.store, manifest.num_chunks, manifest.num_documents, manifest.dim)
    except (sqlite3.DatabaseError, ValueError) as error:  # ValueError: broken JSON or UTF-8
        yield f"{manifest.database.name} cannot be read to its end ({error})."


def _database_problems(store: Store, num_chunks: int, num_documents: int, dim: int) -> Iterator[str]:
    for (answer,) in store.rows("PRAGMA integrity_check"):
        if answer != "ok":
            yield f"SQLite finds the database damaged: {answer}"
    for table, expected in (("documents", num_documents), ("chunks", num_chunks), ("chunk_data", num_chunks)):
        (count,) = store.rows(f"SELECT count(*) FROM {table}")[0]  # noqa: S608 - the names above
        if count != expected:
            yield f"The table {table} has {count} rows; {expected} were committed."
    (num_words,) = store.rows("SELECT count(*) FROM chunk_words_docsize")[0]
    if num_words != num_chunks:
        yield f"The keyword index knows {num_words} chunks; there are {num_chunks}."
    for document_id, source, digest in store.rows("SELECT document_id, source, text_sha256 FROM documents"):
        text = store.text(document_id)
        if text_sha256(text) != digest:
            yield f"The text of {source!r} is not what was written."
        for chunk_id, start, end, chunk_digest in store.rows(
            'SELECT chunk_id, start, "end", text_sha256 FROM chunks WHERE document_id = ?', (document_id,)
        ):
            if not 0 <= start < end <= len(text) or text_sha256(text[start:end]) != chunk_digest:
                yield f"Chunk {chunk_id} is not characters {start} to {end} of {source!r}."
    for block in store.vectors():
        if block.shape[1] != dim or not np.isfinite(block).all():
            yield f"Vectors of shape {block.shape} are not {dim} finite numbers each."
    for (metadata,) in store.rows("SELECT metadata FROM documents"):
        json.loads(metadata)


def _is_matrix_whole(generation: Generation) -> bool:
    manifest, entry = generation.manifest, generation.manifest.vectors
    mapped = map_file(generation.folder / entry.name)
    return matrix_of(mapped, manifest.num_chunks, manifest.dim, entry.sha256) is not None


def _graph_problem(generation: Generation) -> str | None:
    entry = generation.manifest.hnsw
    if entry is not None:
        path = generation.folder / entry.name
        is_whole = path.is_file() and sha256_file(path) == entry.sha256
        return None if is_whole else f"{entry.name} is missing or damaged; repair makes it anew."
    if generation.manifest.num_chunks > HNSW_ABOVE and has_faiss():
        return "There is no graph for fast search: faiss was missing when the index was written; repair makes it."
    return None


def _manifests(generation: Generation) -> tuple[Path, Path]:
    return generation.folder / MANIFEST, generation.folder / f"manifest-{generation.manifest.id}.json"
