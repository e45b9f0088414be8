"""Tests of `appkit.retrieval.index`: sync, read, search, remove, rebuild."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appkit.errors import EmbedderMismatchError, RetrievalError
from appkit.retrieval import sync
from appkit.retrieval.documents import Document
from appkit.retrieval.index import DocumentIndex, default_index_path, remove_index
from appkit.retrieval.segmentation import search_words
from tests.helpers.index_folders import PUMPS, TextParser, state_of, write_folder
from tests.helpers.tiny_embedder import TinyEmbedder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "docs", PUMPS)


@pytest.fixture
def embedder() -> TinyEmbedder:
    return TinyEmbedder()


@pytest.fixture
def index(tmp_path: Path, embedder: TinyEmbedder) -> Iterator[DocumentIndex]:
    with DocumentIndex.open(tmp_path / "index", embedder=embedder, create=True) as opened:
        yield opened


def first_source(index: DocumentIndex, found: list[tuple[int, float]]) -> str:
    return index.chunks([found[0][0]])[found[0][0]].source


def test_sync_adds_every_document_with_its_text(index: DocumentIndex, folder: Path) -> None:
    report = index.sync(folder)
    assert report.added == tuple(sorted(PUMPS))
    assert index.document_text("cellar.txt") == PUMPS["cellar.txt"]
    assert (report.num_documents, report.num_chunks) == (3, sum(info.num_chunks for info in index.documents()))
    assert index.verify() == []


def test_chunks_are_the_spans_that_they_name(index: DocumentIndex, folder: Path) -> None:
    long = "".join(f"Valve {n} lets {n} litres through. 第{n}号阀门很好用。" for n in range(5_000))
    write_folder(folder, {"long.txt": long})
    index.sync(folder)
    text, chunks = index.document_text("long.txt"), index.chunks_of("long.txt")
    assert len(text) > 150_000 and len(chunks) > 1000
    assert all(chunk.text == text[chunk.start : chunk.end] for chunk in chunks)


def test_words_and_vectors_find_the_document_that_says_it(index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    for query, source in (("when was the pump installed", "cellar.txt"), ("保修期多久", "保修.txt")):
        assert first_source(index, index.keyword_search(search_words(query), 3)) == source
        assert first_source(index, index.vector_search(index.embed_query(query), 3)) == source


def test_search_keeps_to_the_chunks_allowed(index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    allowed = index.chunk_ids_where("documents.source = ?", ["garden/hose.md"])
    assert {chunk_id for chunk_id, _ in index.keyword_search(["the"], 9, allowed)} <= set(allowed.tolist())
    found = index.vector_search(index.embed_query("pump"), 9, allowed)
    assert sorted(chunk_id for chunk_id, _ in found) == allowed.tolist()
    assert index.vector_search(index.embed_query("pump"), 9, np.empty(0, np.int64)) == []


def test_scores_are_cosines_with_the_vectors_kept(index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    query = index.embed_query("the pump")
    found = index.vector_search(query, 9)
    vectors = index.vectors_of([chunk_id for chunk_id, _ in found])
    assert [score for _, score in found] == pytest.approx((vectors @ query).tolist(), abs=1e-6)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)


def test_syncing_again_changes_and_embeds_nothing(index: DocumentIndex, folder: Path, embedder: TinyEmbedder) -> None:
    index.sync(folder)
    embedder.embedded.clear()
    report = index.sync(folder)
    assert (report.unchanged, report.is_changed, index.generation) == (3, False, 1)
    assert embedder.embedded == []


def test_sync_takes_up_new_changed_and_removed_files(index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    write_folder(folder, {"cellar.txt": "The pump was sold.", "new.txt": "A new boiler."})
    (folder / "保修.txt").unlink()
    report = index.sync(folder)
    assert (report.added, report.updated, report.deleted) == (("new.txt",), ("cellar.txt",), ("保修.txt",))
    assert set(state_of(index)) == {"cellar.txt", "garden/hose.md", "new.txt"}
    assert index.keyword_search(search_words("installed"), 9) == []
    assert index.keyword_search(search_words("保修期"), 9) == []
    assert index.verify() == []


def test_a_dry_run_says_what_would_change_and_writes_nothing(
    tmp_path: Path, index: DocumentIndex, folder: Path
) -> None:
    report = index.sync(folder, dry_run=True)
    assert report.added == tuple(sorted(PUMPS)) and report.dry_run
    assert not (tmp_path / "index").exists()
    index.sync(folder)
    before = state_of(index)
    write_folder(folder, {"cellar.txt": "The pump was sold."})
    assert index.sync(folder, dry_run=True).updated == ("cellar.txt",)
    assert (state_of(index), index.generation) == (before, 1)


def test_text_that_was_embedded_before_is_not_embedded_again(
    index: DocumentIndex, folder: Path, embedder: TinyEmbedder
) -> None:
    index.sync(folder)
    embedder.embedded.clear()
    (folder / "cellar.txt").rename(folder / "basement.txt")
    report = index.sync(folder)
    assert (report.added, report.deleted) == (("basement.txt",), ("cellar.txt",))
    assert embedder.embedded == []


def test_a_file_that_cannot_be_read_is_named_once_and_not_tried_again(index: DocumentIndex, folder: Path) -> None:
    write_folder(folder, {"empty.txt": ""})
    first, second = index.sync(folder), index.sync(folder)
    assert [(file.source, file.reason) for file in first.skipped] == [("empty.txt", "empty")]
    assert second.skipped == first.skipped == index.stats().skipped
    assert index.generation == 1
    write_folder(folder, {"empty.txt": "Not any more."})
    assert index.sync(folder).added == ("empty.txt",)
    assert index.stats().skipped == ()


def test_a_document_that_became_unreadable_leaves_the_index(index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    write_folder(folder, {"cellar.txt": ""})
    report = index.sync(folder)
    assert (report.deleted, report.updated) == (("cellar.txt",), ())
    assert [file.source for file in report.skipped] == ["cellar.txt"]


def test_progress_counts_files_then_chunks_to_their_end(index: DocumentIndex, folder: Path) -> None:
    calls: list[tuple[int, int, int, int]] = []
    report = index.sync(folder, progress=lambda *counts: calls.append(counts))
    assert calls[0] == (0, 3, 0, 0)
    assert calls[-1] == (3, 3, report.num_chunks, report.num_chunks)
    assert calls == sorted(calls)


def test_removed_documents_are_gone_until_the_next_sync(index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    assert index.remove(["cellar.txt", "保修.txt"]) == ("cellar.txt", "保修.txt")
    assert set(state_of(index)) == {"garden/hose.md"}
    assert index.sync(folder).added == ("cellar.txt", "保修.txt")


def test_removing_an_unknown_document_changes_nothing(index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    with pytest.raises(RetrievalError, match=r"has no document 'nothing\.txt'"):
        index.remove(["cellar.txt", "nothing.txt"])
    assert (len(index.documents()), index.generation) == (3, 1)


def test_removed_text_is_not_left_in_the_file(tmp_path: Path, index: DocumentIndex, folder: Path) -> None:
    write_folder(folder, {"secret.txt": "The password is xyzzyplugh."})
    index.sync(folder)
    index.remove(["secret.txt"])
    assert not any(b"xyzzyplugh" in path.read_bytes() for path in (tmp_path / "index").iterdir())


def test_another_embedder_is_refused_by_name_and_by_its_vectors(
    tmp_path: Path, index: DocumentIndex, folder: Path
) -> None:
    index.sync(folder)
    for other in (TinyEmbedder(name="other", seed=1), TinyEmbedder(seed=1), TinyEmbedder(dim=32), "minilm-l6"):
        with pytest.raises(EmbedderMismatchError, match="rebuild"):
            DocumentIndex.open(tmp_path / "index", embedder=other)


def test_the_same_embedder_under_another_name_is_accepted(tmp_path: Path, index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    with DocumentIndex.open(tmp_path / "index", embedder=TinyEmbedder(name="a path to it")) as again:
        assert again.embedder_name == "tiny"


def test_rebuild_changes_the_embedder_and_the_size_of_chunks(
    tmp_path: Path, index: DocumentIndex, folder: Path
) -> None:
    write_folder(folder, {"long.txt": "One more valve is open. " * 40})
    index.sync(folder)
    before = index.stats()
    index.rebuild(TinyEmbedder(name="other", seed=1, dim=32, max_seq_len=28))
    after = index.stats()
    assert (after.embedder_name, after.dim, after.max_tokens) == ("other", 32, 12)
    assert after.num_documents == before.num_documents and after.num_chunks > before.num_chunks
    assert index.verify() == []
    with DocumentIndex.open(tmp_path / "index", embedder=TinyEmbedder(name="other", seed=1, dim=32)) as again:
        assert first_source(again, again.vector_search(again.embed_query("pump cellar"), 1)) == "cellar.txt"


def test_an_empty_folder_gives_an_empty_index_that_opens(tmp_path: Path, index: DocumentIndex) -> None:
    (tmp_path / "none").mkdir()
    assert index.sync(tmp_path / "none").num_documents == 0
    with DocumentIndex.open(tmp_path / "index") as again:
        assert (again.documents(), again.languages, again.embedder_name) == ([], (), "")
        assert again.keyword_search(["pump"], 3) == again.vector_search(np.ones(3, np.float32), 3) == []
        assert again.verify() == []


def test_an_index_that_lost_all_documents_takes_new_ones(index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    index.remove(sorted(PUMPS))
    assert index.verify() == []
    assert index.sync(folder).num_documents == 3


def test_the_index_of_one_folder_refuses_another(tmp_path: Path, index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    other = write_folder(tmp_path / "other", {"a.txt": "Something else."})
    with pytest.raises(RetrievalError, match="an index of its own"):
        index.sync(other)
    folder.rename(tmp_path / "moved")
    assert index.sync(tmp_path / "moved").unchanged == 3
    assert index.folder == tmp_path / "moved"


def test_what_is_no_folder_or_no_index_is_refused_with_the_way_out(tmp_path: Path, index: DocumentIndex) -> None:
    with pytest.raises(RetrievalError, match="is not a folder"):
        index.sync(tmp_path / "missing")
    with pytest.raises(RetrievalError, match="appkit index sync"):
        DocumentIndex.open(tmp_path / "missing")
    write_folder(tmp_path / "mine", {"letter.txt": "Dear"})
    with pytest.raises(RetrievalError, match="other files"):
        DocumentIndex.open(tmp_path / "mine", create=True)
    with pytest.raises(RetrievalError, match="other files"):
        remove_index(tmp_path / "mine")


def test_remove_index_removes_the_folder(tmp_path: Path, index: DocumentIndex, folder: Path) -> None:
    index.sync(folder)
    remove_index(tmp_path / "index")
    assert not (tmp_path / "index").exists()
    remove_index(tmp_path / "index")


def test_the_default_place_is_below_the_data_folder_and_its_own_for_each_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path))
    path = default_index_path("/srv/My Notes/笔记 & Co")
    assert path.parent == tmp_path / "indexes" and path.name.startswith("co-")
    assert path != default_index_path("/srv/other/笔记 & Co")


def test_metadata_comes_back_as_the_plain_values_that_went_in(index: DocumentIndex, folder: Path) -> None:
    write_folder(folder, {"page.md": '---\ntitle: "Pumps"\nyear: 2019\nauthor: 张三\n---\n\nText.\n'})
    index.sync(folder)
    document = index.document("page.md")
    info = next(info for info in index.documents() if info.source == "page.md")
    assert dict(info.metadata) == dict(document.metadata)
    assert all(type(value) in (str, int, float, bool) for value in info.metadata.values())


def test_an_index_rebuilt_by_another_process_is_not_searched_with_the_wrong_embedder(
    tmp_path: Path, index: DocumentIndex, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_name = {"tiny": TinyEmbedder(), "other": TinyEmbedder(name="other", seed=1)}
    monkeypatch.setattr("appkit.retrieval.embedder_slot.open_embedder", by_name.__getitem__)
    index.sync(folder)
    given = TinyEmbedder()
    with (
        DocumentIndex.open(tmp_path / "index") as open_one,
        DocumentIndex.open(tmp_path / "index", embedder=given) as given_one,
    ):
        open_one.embed_query("pump")
        index.rebuild(by_name["other"])
        assert open_one.refresh() and given_one.refresh()
        assert np.array_equal(open_one.embed_query("pump"), by_name["other"].embed(["pump"])[0])
        with pytest.raises(EmbedderMismatchError):
            given_one.embed_query("pump")
    assert by_name["tiny"].is_closed


def test_an_embedder_that_was_given_open_stays_open(index: DocumentIndex, folder: Path, embedder: TinyEmbedder) -> None:
    index.sync(folder)
    index.close()
    assert not embedder.is_closed


@pytest.mark.parametrize("wrong", [{"text": "half \ud800"}, {"title": "\udfff"}, {"metadata": {"year": float("inf")}}])
def test_a_document_that_cannot_be_stored_is_skipped_and_the_rest_comes_in(
    index: DocumentIndex, folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, object]
) -> None:
    class WrongParser(TextParser):
        def load(self, path: Path, source: str) -> Document:
            document = super().load(path, source)
            return replace(document, **wrong) if source == "cellar.txt" else document  # type: ignore[arg-type]

    monkeypatch.setattr(sync, "DocumentParser", WrongParser)
    report = index.sync(folder)
    assert [(file.source, file.reason) for file in report.skipped] == [("cellar.txt", "corrupt")]
    assert (report.num_documents, index.verify()) == (2, [])
