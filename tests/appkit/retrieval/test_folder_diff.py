"""Tests of `appkit.retrieval.folder_diff`: what has changed in a folder."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from appkit.retrieval import folder_diff
from appkit.retrieval.documents import SkippedFile
from appkit.retrieval.folder_diff import ANY_TIME, compare_folder, trusted_mtime
from tests.helpers.index_folders import write_folder

OLD_NS = 1_600_000_000_123_456_789


def indexed_as_is(folder: Path) -> dict[str, tuple[int, int, str]]:
    result = {}
    for path in folder.iterdir():
        os.utime(path, ns=(OLD_NS, OLD_NS))
        result[path.name] = (path.stat().st_size, OLD_NS, hashlib.sha256(path.read_bytes()).hexdigest())
    return result


def test_files_of_the_same_size_and_time_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed = indexed_as_is(write_folder(tmp_path, {"a.txt": "one", "b.txt": "two"}))
    monkeypatch.setattr(folder_diff, "sha256_file", lambda path: pytest.fail(f"{path} was read"))
    diff = compare_folder(tmp_path, indexed, {})
    assert (diff.unchanged, diff.is_empty) == (2, True)


def test_another_time_with_the_same_bytes_is_no_update(tmp_path: Path) -> None:
    indexed = indexed_as_is(write_folder(tmp_path, {"a.txt": "one"}))
    os.utime(tmp_path / "a.txt", ns=(OLD_NS + 5, OLD_NS + 5))
    diff = compare_folder(tmp_path, indexed, {})
    assert ([found.source for found in diff.touched], diff.updated, diff.unchanged) == (["a.txt"], [], 1)


def test_a_change_of_the_same_size_is_seen_by_its_time(tmp_path: Path) -> None:
    indexed = indexed_as_is(write_folder(tmp_path, {"a.txt": "one"}))
    (tmp_path / "a.txt").write_text("two")
    assert [found.source for found in compare_folder(tmp_path, indexed, {}).updated] == ["a.txt"]


def test_a_file_too_fresh_to_trust_its_time_is_read_again_but_worth_no_commit(tmp_path: Path) -> None:
    size, _, sha256 = indexed_as_is(write_folder(tmp_path, {"a.txt": "one"}))["a.txt"]
    diff = compare_folder(tmp_path, {"a.txt": (size, ANY_TIME, sha256)}, {})
    assert (diff.unchanged, diff.is_empty, len(diff.settled)) == (1, True, 1)
    (tmp_path / "a.txt").write_text("two")
    os.utime(tmp_path / "a.txt", ns=(OLD_NS, OLD_NS))
    assert len(compare_folder(tmp_path, {"a.txt": (size, ANY_TIME, sha256)}, {}).updated) == 1


def test_a_time_within_a_tick_of_now_is_not_trusted() -> None:
    now = time.time_ns() | 1  # not a whole second
    assert trusted_mtime(now) == ANY_TIME
    assert trusted_mtime(now - 1_000_000_000) == now - 1_000_000_000
    whole_second = now // 1_000_000_000 * 1_000_000_000
    assert trusted_mtime(whole_second) == ANY_TIME  # a file system that keeps seconds, or two of them
    assert trusted_mtime(OLD_NS) == OLD_NS


def test_documents_in_a_folder_that_is_closed_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = SkippedFile(source="private/", reason="unreadable", detail="Permission denied.")
    monkeypatch.setattr(folder_diff, "walk", lambda _: iter([closed]))
    diff = compare_folder(tmp_path, {"private/a.txt": (1, 1, ""), "private.txt": (1, 1, "")}, {})
    assert (diff.deleted, diff.unchanged, diff.skipped) == (["private.txt"], 1, [closed])
