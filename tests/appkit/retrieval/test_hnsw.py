"""Tests of `appkit.retrieval.hnsw`: the graph over the vectors of a large index."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from appkit.retrieval import draft, generation, sync, verify
from appkit.retrieval.generation import IndexNotice
from appkit.retrieval.hnsw import Graph, grow_graph
from appkit.retrieval.index import DocumentIndex
from appkit.retrieval.vectors import search_exact
from tests.helpers.index_folders import TextParser, write_folder
from tests.helpers.tiny_embedder import TinyEmbedder

pytest.importorskip("faiss")
FILES = {f"{n}.txt": f"Valve {n} lets {n * n} litres through and {n + 7} more." for n in range(40)}


def unit_rows(rng: np.random.Generator, count: int, dim: int = 32) -> np.ndarray:
    rows = rng.normal(size=(count, dim)).astype(np.float32)
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


@pytest.fixture
def _small_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync, "DocumentParser", TextParser)
    for module in (draft, generation, verify):
        monkeypatch.setattr(module, "HNSW_ABOVE", 10)


def test_the_graph_finds_what_exact_search_finds(rng: np.random.Generator) -> None:
    matrix, ids = unit_rows(rng, 2000), np.arange(5, 2005)
    graph = Graph.build(ids, matrix)
    same = 0
    for query in unit_rows(rng, 50):
        rows, _ = search_exact(matrix, query, 10)
        same += len({chunk_id for chunk_id, _ in graph.search(query, 10, ids)} & set(ids[rows].tolist()))
    assert same >= 490  # of 500


def test_a_saved_graph_answers_the_same(tmp_path: Path, rng: np.random.Generator) -> None:
    matrix, ids = unit_rows(rng, 300), np.arange(300)
    graph = Graph.build(ids, matrix)
    graph.save(tmp_path / "graph")
    digest = hashlib.sha256((tmp_path / "graph").read_bytes()).hexdigest()
    with (tmp_path / "graph").open("rb") as file:
        again = Graph.load(file, digest, 32)
        assert again is not None
        assert again.search(matrix[7], 5, ids) == graph.search(matrix[7], 5, ids)
        file.seek(0)
        assert Graph.load(file, digest, 31) is None


def test_a_grown_graph_gives_only_what_is_there(rng: np.random.Generator) -> None:
    matrix, ids = unit_rows(rng, 400), np.arange(400)
    first = Graph.build(ids[:350], matrix[:350])
    present = np.concatenate([ids[:100], ids[130:]])
    grown = grow_graph(first, present, matrix[present])
    assert grown is first and len(grown.chunk_ids) == 400
    found = grown.search(matrix[115], 400, present)
    assert sorted(chunk_id for chunk_id, _ in found) == present.tolist()
    assert grown.search(matrix[390], 1, present)[0][0] == 390


def test_a_graph_with_too_many_gone_is_built_anew(rng: np.random.Generator) -> None:
    matrix, ids = unit_rows(rng, 100), np.arange(100)
    present = ids[40:]
    grown = grow_graph(Graph.build(ids, matrix), present, matrix[present])
    assert grown.chunk_ids.tolist() == present.tolist()


@pytest.mark.usefixtures("_small_graphs")
def test_a_large_index_keeps_its_graph_through_changes(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "docs", FILES)
    with DocumentIndex.open(tmp_path / "index", embedder=TinyEmbedder(), create=True) as index:
        index.sync(folder)
        write_folder(folder, {"3.txt": "A boiler in the attic.", "new.txt": "An oven in the kitchen."})
        (folder / "4.txt").unlink()
        index.sync(folder)
        assert index.stats().vector_search == "hnsw"
        for query, source in (("boiler attic", "3.txt"), ("oven kitchen", "new.txt"), ("valve 5 25 litres", "5.txt")):
            found = index.vector_search(index.embed_query(query), 40)
            assert len(found) == 40 == len({chunk_id for chunk_id, _ in found})
            assert index.chunks([found[0][0]])[found[0][0]].source == source
        assert index.verify() == []


@pytest.mark.usefixtures("_small_graphs")
def test_without_faiss_every_vector_is_looked_at_and_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DocumentIndex.open(tmp_path / "index", embedder=TinyEmbedder(), create=True) as index:
        index.sync(write_folder(tmp_path / "docs", FILES))
        with_graph = index.vector_search(index.embed_query("valve 7"), 5)
    for module in (draft, generation, verify):
        monkeypatch.setattr(module, "has_faiss", lambda: False)
    with DocumentIndex.open(tmp_path / "index", embedder=TinyEmbedder()) as index:
        query = index.embed_query("valve 7")
        with pytest.warns(IndexNotice, match=r"appkit-llm\[faiss\]") as notices:
            without = [index.vector_search(query, 5) for _ in range(3)][-1]
        assert len(notices) == 1
    assert [chunk_id for chunk_id, _ in without] == [chunk_id for chunk_id, _ in with_graph]
