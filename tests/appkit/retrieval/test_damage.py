"""A changed byte of an index is noticed before it could change an answer, or could not change one."""

import hashlib
import io
import random
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appkit.errors import IndexDamagedError, IndexVersionError, RetrievalError
from appkit.retrieval import draft, generation, hnsw, sync, verify
from appkit.retrieval.generation import IndexNotice
from appkit.retrieval.index import DocumentIndex
from appkit.retrieval.manifest import LOCK, MANIFEST
from tests.helpers.index_folders import PUMPS, TextParser, state_of, write_folder
from tests.helpers.tiny_embedder import TinyEmbedder

FLIPS_A_FILE = 60


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index with a graph over its vectors, small as it is, where there is faiss to make one."""
    monkeypatch.setattr(sync, "DocumentParser", TextParser)
    if hnsw.has_faiss():
        for module in (draft, generation, verify):
            monkeypatch.setattr(module, "HNSW_ABOVE", 3)
    files = {**PUMPS, **{f"{n}.txt": f"Valve {n} lets {n * n} litres through. " * 9 for n in range(9)}}
    with DocumentIndex.open(tmp_path / "index", embedder=TinyEmbedder(), create=True) as index:
        index.sync(write_folder(tmp_path / "docs", files))
    return tmp_path / "index"


def answers(path: Path) -> Any:
    """What an application sees of the index."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IndexNotice)
        with DocumentIndex.open(path, embedder=TinyEmbedder()) as index:
            vectors = index.vector_search(index.embed_query("valve 7"), 9)
            words = index.keyword_search(["valv", "pump", "保修期"], 9)
            return (
                state_of(index),
                [(chunk_id, round(score, 5)) for chunk_id, score in vectors],
                words,
                index.vectors_of([chunk_id for chunk_id, _ in vectors]).tolist(),
                index.documents(),
                index.embedder_name,
                index.folder,
                index.languages,
            )


def file_of(path: Path, kind: str) -> Path:
    """The one file of that kind."""
    found = list(path.glob(kind))
    if not found and kind.startswith("hnsw"):
        pytest.skip("faiss is not installed")
    (file,) = found
    return file


def damaged_copies(path: Path, tmp_path: Path, name: str) -> Iterator[Path]:
    """Copies of the index with one bit of the file changed, or its end cut off."""
    rng, data = random.Random(name), (path / name).read_bytes()
    for n in range(FLIPS_A_FILE):
        place = rng.randrange(len(data))
        changed = bytearray(data)
        changed[place] ^= 1 << rng.randrange(8)
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(path, copy)
        (copy / name).write_bytes(bytes(changed) if n % 6 else data[:place])
        yield copy


KINDS = ["manifest.json", "manifest-*.json", "index-*.sqlite", "vectors-*.f32", "hnsw-*.faiss", LOCK]


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_byte_is_noticed_or_changes_no_answer(path: Path, tmp_path: Path, kind: str) -> None:
    file = file_of(path, kind)
    right = answers(path)
    num_refused = 0
    for copy in damaged_copies(path, tmp_path, file.name):
        try:
            assert answers(copy) == right
        except (IndexDamagedError, IndexVersionError):
            num_refused += 1
    assert num_refused == (FLIPS_A_FILE if file.suffix == ".sqlite" else 0)  # the rest is made anew, or there twice


@pytest.mark.parametrize("kind", ["manifest.json", "manifest-*.json", "vectors-*.f32", "hnsw-*.faiss"])
@pytest.mark.parametrize("is_missing", [False, True])
def test_repair_mends_what_verify_names(path: Path, kind: str, is_missing: bool) -> None:
    right = answers(path)
    file = file_of(path, kind)
    data = file.read_bytes()
    with DocumentIndex.open(path, embedder=TinyEmbedder()) as index:
        file.unlink() if is_missing else file.write_bytes(data[:-9] + b"X" + data[-8:])
        assert [problem.split()[0] for problem in index.verify()] == [file.name]
        index.repair()
        assert index.verify() == []
    assert answers(path) == right


def test_a_damaged_database_is_named_with_the_way_out(path: Path) -> None:
    (file,) = path.glob("index-*.sqlite")
    data = file.read_bytes()
    with DocumentIndex.open(path, embedder=TinyEmbedder()) as index:
        file.write_bytes(data[:-9] + b"X" + data[-8:])
        assert any("is not what was written" in problem for problem in index.verify())
    with pytest.raises(IndexDamagedError, match=r"appkit index rm .*, then appkit index sync"):
        DocumentIndex.open(path)
    file.unlink()
    with pytest.raises(IndexDamagedError, match="is missing"):
        DocumentIndex.open(path)


def test_damaged_vectors_are_made_anew_with_a_notice(path: Path) -> None:
    (file,) = path.glob("vectors-*.f32")
    data = file.read_bytes()
    file.write_bytes(data[:100])
    with DocumentIndex.open(path, embedder=TinyEmbedder()) as index:
        with pytest.warns(IndexNotice, match="its vectors are taken from the database"):
            index.vectors_of([1])
        assert index.verify() == []
    assert file.read_bytes() == data


def test_a_manifest_without_a_whole_copy_is_refused(path: Path) -> None:
    for file in path.glob("manifest*.json"):
        file.write_text("{}")
    with pytest.raises(IndexDamagedError, match="no copy of it is whole"):
        DocumentIndex.open(path)


def test_an_index_of_a_newer_version_is_refused_by_its_number(path: Path) -> None:
    data = (path / MANIFEST).read_text()
    (path / MANIFEST).write_text(data.replace('"format": 1', '"format": 99'))
    with pytest.raises(IndexVersionError, match="format 99; this build reads format 1") as caught:
        DocumentIndex.open(path)
    assert caught.value.version == 99


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", ".hidden", "a/b"])
def test_a_manifest_cannot_name_files_elsewhere(path: Path, name: str) -> None:
    (file,) = path.glob("index-*.sqlite")
    text = (path / MANIFEST).read_text().replace(file.name, name)
    for manifest in path.glob("manifest*.json"):
        manifest.write_text(text)
    with pytest.raises(RetrievalError):
        DocumentIndex.open(path)


def test_a_graph_of_a_kind_that_is_not_ours_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faiss = pytest.importorskip("faiss")
    monkeypatch.setattr(faiss, "read_index", lambda *_: pytest.fail("it was read"))
    for data in (b"", b"IHNf", b"IxM2" + bytes(33) + b"IwFl", b"Irfn" + bytes(100)):
        file = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
        assert hnsw.Graph.load(file, hashlib.sha256(data).hexdigest(), 64) is None


@pytest.mark.parametrize("kind", ["bits", "cut", "fingerprint"])
def test_damaged_unfinished_vectors_cost_time_and_nothing_else(path: Path, tmp_path: Path, kind: str) -> None:
    docs = write_folder(tmp_path / "docs", {"more.txt": "".join(f"Line {n} is new here. " for n in range(300))})
    unfinished = path / "unfinished.vectors"

    def stop(files: int, num_files: int, chunks: int, num_chunks: int) -> None:
        if chunks:
            raise KeyboardInterrupt

    with DocumentIndex.open(path, embedder=TinyEmbedder()) as index:
        with pytest.raises(KeyboardInterrupt):
            index.sync(docs, progress=stop)
        data = bytearray(unfinished.read_bytes())
        if kind == "bits":
            data[len(data) // 2] ^= 4
        elif kind == "fingerprint":
            data[12] ^= 1
        unfinished.write_bytes(data if kind != "cut" else data[:-5])
        index.sync(docs)
        expected = TinyEmbedder().embed([chunk.text for chunk in index.chunks_of("more.txt")])
        found = index.vectors_of([chunk.chunk_id for chunk in index.chunks_of("more.txt")])
        assert found == pytest.approx(expected, abs=1e-3)
