"""An index whose writer is killed or refused by the disk is as it was before, or as it was to be after."""

import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from appkit.errors import IndexLockedError, RetrievalError
from appkit.retrieval import draft, sync
from appkit.retrieval.index import DocumentIndex
from appkit.retrieval.manifest import MANIFEST, UNFINISHED, read_manifest
from tests.helpers.index_folders import PUMPS, TextParser, state_of, write_folder
from tests.helpers.shared_data import ROOT
from tests.helpers.tiny_embedder import TinyEmbedder

LATER: Mapping[str, str] = {"cellar.txt": "The pump was sold.\n", "attic.txt": "An old boiler stands there.\n"}


def texts_of(path: Path) -> dict[str, str]:
    """Every document of the index, which must be whole."""
    with DocumentIndex.open(path, embedder=TinyEmbedder()) as index:
        assert index.verify() == []
        return {source: text for source, (text, _) in state_of(index).items()}


def start_child(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.helpers.sync_child", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def many_documents(version: int) -> dict[str, str]:
    """Of the 60 documents, one third changes with each version, and the last one comes and goes."""
    count = 59 + version % 2
    return {f"{n}.txt": f"Valve {n}, version {version if n % 3 == 0 else 0}. " * 30 for n in range(count)}


def replace_folder(folder: Path, files: Mapping[str, str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    write_folder(folder, files)


def kill_and_compare(tmp_path: Path, num_kills: int) -> None:
    path, folder, rng = tmp_path / "index", tmp_path / "docs", random.Random(7)
    before, duration_s, outcomes = None, 0.0, {"before": 0, "after": 0}
    for version in range(num_kills + 1):
        after = many_documents(version)
        replace_folder(folder, after)
        with start_child(path, folder) as child:
            assert child.stdout is not None and child.stdout.readline() == "ready\n"
            start = time.monotonic()
            if before is None:  # the first one lives, to show how long it takes
                assert child.stdout.readline() == "done\n"
                duration_s = time.monotonic() - start
            else:
                time.sleep(rng.uniform(0, 1.1 * duration_s))
            child.kill()
        found = texts_of(path)
        assert found in (before, after)
        outcomes["after" if found == after else "before"] += 1
        before = found
    assert outcomes["before"] >= num_kills // 4, f"the kills came too late to show anything: {outcomes}"


def test_ten_kills_leave_the_state_before_or_after(tmp_path: Path) -> None:
    kill_and_compare(tmp_path, 10)


@pytest.mark.slow
def test_a_hundred_kills_leave_the_state_before_or_after(tmp_path: Path) -> None:
    kill_and_compare(tmp_path, 100)


def test_what_was_embedded_before_a_crash_is_not_embedded_again(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "docs", many_documents(0))

    def stop_at_half(files: int, num_files: int, chunks: int, num_chunks: int) -> None:
        if num_chunks and chunks >= num_chunks / 2:
            raise KeyboardInterrupt

    first, second = TinyEmbedder(), TinyEmbedder()
    with DocumentIndex.open(tmp_path / "index", embedder=first, create=True) as index:
        with pytest.raises(KeyboardInterrupt):
            index.sync(folder, progress=stop_at_half)
        assert (index.documents(), index.generation) == ([], 0)
    with DocumentIndex.open(tmp_path / "index", embedder=second, create=True) as index:
        index.sync(folder)
        assert index.verify() == []
    probes = {text for text in first.embedded if "Valve" not in text}
    assert not (set(first.embedded) & set(second.embedded)) - probes
    assert not (tmp_path / "index" / UNFINISHED).exists()


class Faults:
    """Fails the n-th call of what it wraps, and counts the calls."""

    def __init__(self, fail_at: int, error: Exception) -> None:
        self.calls = 0
        self._fail_at = fail_at
        self._error = error

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self._fail_at:
                raise self._error
            return function(*args, **kwargs)

        return wrapped


def failing_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Any, name: str, value: Any) -> None:
    """A second sync with `target.name` replaced. Whether it comes through or not, the index must be whole."""
    path, folder = tmp_path / "index", tmp_path / "docs"
    shutil.rmtree(path, ignore_errors=True)
    replace_folder(folder, PUMPS)
    with DocumentIndex.open(path, embedder=TinyEmbedder(), create=True) as index:
        index.sync(folder)
        before = texts_of(path)
        write_folder(folder, LATER)
        with monkeypatch.context() as patched:
            patched.setattr(target, name, value)
            try:
                index.sync(folder)
                possible = [{**PUMPS, **LATER}]  # what was acknowledged stays
            except RetrievalError:
                possible = [before, {**PUMPS, **LATER}]
        assert texts_of(path) in possible
        assert index.verify() == []
        index.sync(folder)  # the same object goes on
        assert texts_of(path) == {**PUMPS, **LATER}
        assert not list(path.glob("draft-*")) and len(list(path.glob("index-*"))) == 1


@pytest.fixture
def _parse_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "DocumentParser", TextParser)


FILE_OPERATIONS = [
    (os, "open"), (os, "replace"), (os, "fsync"), (os, "unlink"), (os, "listdir"),
    (shutil, "copyfile"), (Path, "unlink"), (Path, "open"), (Path, "read_bytes"), (Path, "write_text"),
]  # fmt: skip


@pytest.mark.usefixtures("_parse_here")
@pytest.mark.parametrize(("target", "attribute"), FILE_OPERATIONS)
def test_an_error_of_any_file_operation_leaves_the_index_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: Any, attribute: str
) -> None:
    for fail_at in range(1, 100):
        faults = Faults(fail_at, OSError(5, "Input/output error"))
        wrapped = faults.wrap(getattr(target, attribute))
        failing_sync(tmp_path, monkeypatch, target, attribute, wrapped)
        if faults.calls < fail_at:
            return  # every call was visited
    pytest.fail(f"{attribute} is called without end")


class FailingConnection(sqlite3.Connection):
    """Counts and fails statements of the draft."""

    faults: Faults

    def execute(self, *args: Any) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.faults.wrap(super().execute)(*args)
        return cursor

    def executemany(self, *args: Any) -> sqlite3.Cursor:
        cursor: sqlite3.Cursor = self.faults.wrap(super().executemany)(*args)
        return cursor


@pytest.mark.usefixtures("_parse_here")
def test_an_error_of_any_statement_leaves_the_index_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite3.connect

    def patched_connect(path: Path, **kwargs: Any) -> sqlite3.Connection:
        is_draft = Path(path).name.startswith("draft-")
        return connect(path, **kwargs, **({"factory": FailingConnection} if is_draft else {}))

    step = 3  # every third statement: they are many, and much alike
    for fail_at in range(1, 1000, step):
        FailingConnection.faults = Faults(fail_at, sqlite3.OperationalError("disk I/O error"))
        failing_sync(tmp_path, monkeypatch, draft.sqlite3, "connect", patched_connect)
        if FailingConnection.faults.calls < fail_at:
            return
    pytest.fail("a sync of four files takes more than a thousand statements")


@contextmanager
def largest_file(num_bytes: int) -> Iterator[None]:
    """The kernel refuses every write beyond `num_bytes` of a file, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("_parse_here")
def test_a_disk_that_is_full_at_any_size_leaves_the_index_whole(tmp_path: Path) -> None:
    path, folder = tmp_path / "index", write_folder(tmp_path / "docs", many_documents(0))
    with DocumentIndex.open(path, embedder=TinyEmbedder(), create=True) as index:
        index.sync(folder)
        before = texts_of(path)
        write_folder(folder, many_documents(1))
        largest = max(file.stat().st_size for file in path.iterdir())
        for num_bytes in [0, 1, 100, 600, *range(1024, largest, 16 * 1024)]:
            with largest_file(num_bytes), pytest.raises(RetrievalError, match="as it was before"):
                index.sync(folder)
            assert texts_of(path) == before
        assert index.sync(folder).is_changed
    assert texts_of(path) == many_documents(1)


def test_every_file_is_on_disk_before_the_manifest_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()
    fsync, replace = os.fsync, os.replace

    def recording_fsync(descriptor: int) -> None:
        fsync(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    def checking_replace(source: Path, target: Path) -> None:
        if Path(target).name == MANIFEST:
            folder = Path(target).parent
            named = [path for path in folder.iterdir() if path.suffix in (".sqlite", ".f32", ".json")]
            assert len(named) == 3
            assert {path.stat().st_ino for path in [*named, Path(source), folder]} <= synced
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recording_fsync)
    monkeypatch.setattr(os, "replace", checking_replace)
    with DocumentIndex.open(tmp_path / "index", embedder=TinyEmbedder(), create=True) as index:
        index.sync(write_folder(tmp_path / "docs", PUMPS))
    assert read_manifest(tmp_path / "index") is not None


def test_a_second_writer_is_refused_by_the_number_of_the_first(tmp_path: Path) -> None:
    path, folder = tmp_path / "index", write_folder(tmp_path / "docs", PUMPS)
    with (
        start_child(path, folder, 60) as child,
        DocumentIndex.open(path, embedder=TinyEmbedder(), create=True) as index,
    ):
        assert child.stdout is not None and child.stdout.readline() == "locked\n"
        for change in (lambda: index.sync(folder, lock_timeout_s=0.1), lambda: index.remove([], lock_timeout_s=0.1)):
            with pytest.raises(IndexLockedError, match="process 4711 ") as caught:
                change()
            assert caught.value.holder == 4711
        child.kill()
        assert child.wait() < 0
        assert index.sync(folder).num_documents == 3  # the lock died with its holder


def test_a_second_writer_waits_and_loses_nothing(tmp_path: Path) -> None:
    path, folder = tmp_path / "index", write_folder(tmp_path / "docs", many_documents(0))
    children = [start_child(path, folder) for _ in range(3)]
    for child in children:
        with child:
            assert child.stdout is not None and child.stdout.read() == "ready\ndone\n"
    assert texts_of(path) == many_documents(0)
    manifest = read_manifest(path)
    assert manifest is not None and manifest.generation == 1


def test_where_locks_do_nothing_a_second_commit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, folder = tmp_path / "index", write_folder(tmp_path / "docs", PUMPS)
    monkeypatch.setattr("fcntl.flock", lambda *_: None)
    with DocumentIndex.open(path, embedder=TinyEmbedder(), create=True) as index:

        def sync_by_another(*counts: int) -> None:
            with DocumentIndex.open(path, embedder=TinyEmbedder(), create=True) as other:
                if not other.documents():
                    other.sync(folder)

        with pytest.raises(RetrievalError):
            index.sync(folder, progress=sync_by_another)
    assert texts_of(path) == PUMPS


def test_a_reader_keeps_its_state_until_it_refreshes(tmp_path: Path) -> None:
    path, folder = tmp_path / "index", write_folder(tmp_path / "docs", PUMPS)
    with DocumentIndex.open(path, embedder=TinyEmbedder(), create=True) as writer:
        writer.sync(folder)
        with DocumentIndex.open(path, embedder=TinyEmbedder()) as reader:
            before = state_of(reader)
            for text in ("One.", "Two."):
                write_folder(folder, {"cellar.txt": text})
                writer.sync(folder)
            assert state_of(reader) == before
            # The writer has removed the file of its vectors, which it had not read yet.
            assert len(reader.vector_search(reader.embed_query("pump"), 99)) == reader.stats().num_chunks
            assert reader.refresh() and not reader.refresh()
            assert reader.document_text("cellar.txt") == "Two."
        assert len(list(path.glob("vectors-*"))) == 1
