"""Models travel in one file, and what arrives is what left or nothing."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from runtime.errors import CatalogError
from runtime.loaders.catalog import read_stored, resolve
from runtime.loaders.catalog_bundle import INDEX, export_models, import_models
from tests.helpers.hostile_names import HOSTILE_NAMES
from tests.helpers.tiny_source import TINY, all_files, tiny_entry
from tests.runtime.loaders.conftest import put_in_store


@pytest.fixture
def bundle(stored: Path, tmp_path: Path, home: Path) -> Path:
    """A file with the tiny catalog model and another one, exported from a store that is empty again."""
    put_in_store("mine", b"GGUF of mine", "mine.gguf")
    export_models([TINY, "mine"], tmp_path / "models.bundle")
    shutil.rmtree(home)
    return tmp_path / "models.bundle"


def rewrite(bundle: Path, changes: dict[str, bytes], index: dict[str, object] | None = None) -> None:
    """Write `bundle` anew with members replaced; `index` changes fields of the first manifest."""
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()} | changes
    listed = json.loads(members[INDEX])
    listed["models"][0] |= index or {}
    members[INDEX] = json.dumps(listed).encode()
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_import_restores_what_export_wrote(home: Path, tiny: bytes, bundle: Path) -> None:
    heard: list[tuple[int, int]] = []
    manifests = import_models(bundle, lambda done, total: heard.append((done, total)))
    assert [manifest.name for manifest in manifests] == [TINY, "mine"]
    assert resolve(TINY).read_bytes() == tiny
    assert resolve("mine").read_bytes() == b"GGUF of mine"
    assert heard[-1][0] == heard[-1][1] == len(tiny) + 12
    assert "downloads" not in str(all_files(home))


def test_import_of_what_is_here_changes_nothing(home: Path, bundle: Path) -> None:
    import_models(bundle)
    before = read_stored(TINY)
    import_models(bundle)
    assert read_stored(TINY) == before


def test_export_of_a_changed_model_leaves_the_target_alone(stored: Path, tiny: bytes, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"earlier")
    stored.write_bytes(tiny[::-1])
    with pytest.raises(CatalogError, match="was changed"):
        export_models([TINY], tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"earlier"


def test_export_of_a_model_that_is_not_here_says_how_to_get_it(home: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="appkit models pull minilm-l6"):
        export_models(["minilm-l6"], tmp_path / "out")
    with pytest.raises(ValueError, match="Name each model to export once"):
        export_models([], tmp_path / "out")


def test_export_into_a_folder_that_is_not_there_is_one_sentence(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(
        CatalogError, match=r"out could not be written below .*missing \(No such file .*choose another folder\."
    ):
        export_models([TINY], tmp_path / "missing/out")


@pytest.mark.parametrize("fraction", [0.0, 0.001, 0.5, 0.99, 0.9999])
def test_a_truncated_bundle_is_refused(fraction: float, home: Path, bundle: Path) -> None:
    content = bundle.read_bytes()
    bundle.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(CatalogError, match=r"is not a whole file of `appkit models export`"):
        import_models(bundle)
    assert all_files(home) == {}


def test_every_flipped_byte_of_the_directory_is_survived(home: Path, bundle: Path, tiny: bytes) -> None:
    good = bundle.read_bytes()
    start = good.index(b"PK\x01\x02", len(tiny))
    for offset in range(start, len(good), 3):
        bundle.write_bytes(good[:offset] + bytes([good[offset] ^ 0xFF]) + good[offset + 1 :])
        try:
            import_models(bundle)
        except CatalogError:
            continue
        assert resolve(TINY).read_bytes() == tiny


def test_changed_weights_are_refused_with_both_digests(home: Path, tiny: bytes, bundle: Path) -> None:
    rewrite(bundle, {f"{TINY}/tiny.gguf": tiny[::-1]})
    with pytest.raises(CatalogError, match=f"has SHA-256 [0-9a-f]+, its manifest says {tiny_entry(tiny).sha256}"):
        import_models(bundle)
    assert all_files(home) == {}


def test_other_weights_cannot_come_in_under_a_catalog_name(home: Path, tiny: bytes, bundle: Path) -> None:
    wrong = tiny_entry(tiny[::-1])
    rewrite(bundle, {f"{TINY}/tiny.gguf": tiny[::-1]}, {"sha256": wrong.sha256})
    with pytest.raises(CatalogError, match="but the catalog's has"):
        import_models(bundle)
    assert all_files(home) == {}


def test_a_model_of_the_same_name_with_other_bytes_is_not_overwritten(home: Path, bundle: Path) -> None:
    put_in_store("mine", b"GGUF of yours", "mine.gguf")
    with pytest.raises(CatalogError, match="appkit models rm mine"):
        import_models(bundle)
    assert resolve("mine").read_bytes() == b"GGUF of yours"


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:40])
def test_no_name_in_a_bundle_leads_out_of_the_store(name: str, home: Path, bundle: Path, tmp_path: Path) -> None:
    for field in ("name", "file_name"):
        rewrite(bundle, {}, {field: name})
        before = all_files(tmp_path)
        with pytest.raises(CatalogError):
            import_models(bundle)
        assert all_files(tmp_path) == before


@pytest.mark.parametrize(
    "change",
    [
        {"size_bytes": -1},
        {"size_bytes": "12"},
        {"size_bytes": 10**15},
        {"size_bytes": True},
        {"sha256": "../../x"},
        {"sha256": None},
        {"file_name": "manifest.json"},
        {"format_version": 2},
        {"converted_from": {"a": "b"}},
        {"converted_from": []},
        {"extra": 1},
        {"mtime_ns": 1.5},
    ],
    ids=str,
)
def test_a_manifest_that_lies_is_refused(change: dict[str, object], home: Path, bundle: Path) -> None:
    rewrite(bundle, {}, change)
    with pytest.raises(CatalogError):
        import_models(bundle)
    assert all_files(home) == {}


@pytest.mark.parametrize(
    "index", [b"", b"[]", b"{}", b"null", b'{"format_version": 1, "models": []}', b"\xff", b"[" * 9999]
)
def test_an_index_that_is_none_is_refused(index: bytes, home: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "odd", "w") as archive:
        archive.writestr(INDEX, index)
    with pytest.raises(CatalogError):
        import_models(tmp_path / "odd")


def test_a_missing_file_is_said_to_be_missing(home: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no file"):
        import_models(tmp_path / "nothing")
