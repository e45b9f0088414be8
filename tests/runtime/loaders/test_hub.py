"""Single files come from the hub, or a mirror, verified and resumable."""

import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.errors import CatalogError
from runtime.loaders import catalog_pull
from runtime.loaders.catalog import pull, read_stored, resolve
from runtime.loaders.hub import fetch_hub_file
from runtime.loaders.hub_name import parse_hub_name
from tests.helpers.fake_hub import COMMIT, NAME, FakeHub, serve_hub
from tests.helpers.hostile_names import HOSTILE_NAMES
from tests.helpers.tiny_source import all_files, weights

CONTENT = weights(500_000)


@pytest.fixture
def hub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that every download of the test goes to."""
    pytest.importorskip("huggingface_hub")
    with serve_hub(CONTENT) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("HF_HUB_DOWNLOAD_TIMEOUT", "5")
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield hub


def test_a_file_of_the_hub_is_stored_with_its_digest_and_revision(home: Path, hub: FakeHub) -> None:
    path = pull(NAME)
    assert path.read_bytes() == CONTENT
    assert resolve(NAME) == path == resolve("owner--repo--model")
    assert read_stored(NAME).sha256 == hub.etag
    assert read_stored(NAME).source == f"{NAME} at {COMMIT}"
    assert pull(NAME, offline=True) == path
    assert len(hub.ranges) == 1


def test_a_pull_that_was_stopped_goes_on_where_it_was(
    home: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.hang_after = 262_144
    monkeypatch.setattr(catalog_pull, "fetch_hub_file", functools.partial(fetch_hub_file, stall_s=3))
    with pytest.raises(CatalogError, match=r"stopped moving: 262,144 of 500,000 bytes"):
        pull(NAME)
    hub.hang_after = None
    assert pull(NAME).read_bytes() == CONTENT
    assert hub.ranges == [None, "bytes=262144-"]
    assert not list((home / "downloads").iterdir())


def test_a_connection_that_breaks_is_taken_up_again(home: Path, hub: FakeHub) -> None:
    hub.cut_once_after = 262_144
    assert pull(NAME).read_bytes() == CONTENT
    assert hub.ranges == [None, "bytes=262144-"]


def test_bytes_that_are_not_those_announced_are_refused(home: Path, hub: FakeHub) -> None:
    hub.etag = "0" * 64
    with pytest.raises(CatalogError, match=r"the hub announced 0{64} .*Nothing was stored"):
        pull(NAME)
    assert not (home / "models").exists() or not all_files(home / "models")


def test_a_file_that_is_not_gguf_is_refused(home: Path, hub: FakeHub) -> None:
    hub.content = b"<html>" + CONTENT
    hub.etag = '"small file with a git hash"'
    with pytest.raises(CatalogError, match=f"{NAME} is not a GGUF file"):
        pull(NAME)
    assert all_files(home) == {}


def test_a_file_the_hub_does_not_have_is_one_sentence(home: Path, hub: FakeHub) -> None:
    with pytest.raises(CatalogError, match=r"hf:owner/repo/other\.gguf could not be fetched \("):
        pull("hf:owner/repo/other.gguf")


def test_an_unreachable_hub_is_one_sentence(home: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(CatalogError, match=r"could not be fetched \(.*HF_ENDPOINT"):
        pull(NAME)


def test_too_little_room_is_said_before_the_download(home: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runtime.loaders.catalog_pull.free_bytes", lambda _: 1_000_000)
    with pytest.raises(CatalogError, match="Make room"):
        pull(NAME)
    assert hub.ranges == []


def test_without_the_library_the_extra_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(CatalogError, match=r"pip install 'appkit-llm\[hub\]'"):
        pull(NAME)


@pytest.mark.parametrize("name", [name for name in HOSTILE_NAMES if name.startswith("hf:")])
def test_only_owner_repo_and_file_are_a_hub_name(name: str) -> None:
    with pytest.raises(CatalogError, match=r"is not of the form hf:owner/repo/file\.gguf"):
        parse_hub_name(name)


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:40])
def test_no_part_of_a_hub_name_can_be_hostile(name: str) -> None:
    for spelt in (
        f"hf:{name}/repo/x.gguf",
        f"hf:owner/{name}/x.gguf",
        f"hf:owner/repo@{name}/x.gguf",
        f"hf:o/r/{name}.gguf",
    ):
        try:
            found = parse_hub_name(spelt)
        except CatalogError:
            continue
        assert "/" not in found.stored_name
        assert ".." not in found.file.split("/")
        assert not found.stored_name.startswith((".", "-"))


def test_a_hub_name_may_hold_a_revision_and_folders() -> None:
    found = parse_hub_name("hf:owner/repo@v1.0/sub/model.Q4_0.gguf")
    assert (found.repository, found.revision, found.file) == ("owner/repo", "v1.0", "sub/model.Q4_0.gguf")
    assert found.stored_name == "owner--repo--sub--model.Q4_0--v1.0"
