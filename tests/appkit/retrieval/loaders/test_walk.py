"""The walk: every file once, in order, and a reason for each that is left out."""

import os
import socket
from pathlib import Path

import pytest

from appkit.errors import RetrievalError
from appkit.retrieval.documents import SkippedFile
from appkit.retrieval.loaders import FoundFile, walk
from tests.helpers.unprivileged import public_folder, unprivileged


def fill(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text of {name}")


def found(folder: Path) -> list[str]:
    return [file.source for file in walk(folder) if isinstance(file, FoundFile)]


def skipped(folder: Path) -> dict[str, str]:
    return {file.source: file.reason for file in walk(folder) if isinstance(file, SkippedFile)}


def test_files_come_in_order_of_source_with_size_and_time(tmp_path: Path) -> None:
    fill(tmp_path, "b.md", "a/z.txt", "a.txt", "手册/保修.md")
    files = list(walk(tmp_path))
    assert [file.source for file in files] == ["a.txt", "a/z.txt", "b.md", "手册/保修.md"]
    first = files[0]
    assert isinstance(first, FoundFile)
    status = (tmp_path / "a.txt").stat()
    assert (first.path, first.size_bytes, first.mtime_ns) == (tmp_path / "a.txt", 13, status.st_mtime_ns)


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, ".secret.md", ".git/config.txt", "a.md")
    assert (found(tmp_path), skipped(tmp_path)) == (["a.md"], {})


def test_what_is_not_read_is_named(tmp_path: Path) -> None:
    fill(tmp_path, "a.md", "film.mp4", "README")
    os.mkfifo(tmp_path / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.txt"))
        assert skipped(tmp_path) == dict.fromkeys(["README", "film.mp4", "pipe.txt", "s.txt"], "unsupported")


def test_a_file_with_several_links_is_found_once_under_its_own_name(tmp_path: Path) -> None:
    fill(tmp_path, "z/real.md")
    (tmp_path / "a-link.md").symlink_to("z/real.md")
    (tmp_path / "folder-link").symlink_to("z")
    assert (found(tmp_path), skipped(tmp_path)) == (["z/real.md"], {})


def test_what_is_hidden_is_found_under_the_first_link_to_it(tmp_path: Path) -> None:
    fill(tmp_path, ".store/doc.md", ".store/deep/other.md")
    (tmp_path / "a").symlink_to(".store")
    (tmp_path / "b").symlink_to(".store")
    (tmp_path / "c.md").symlink_to(".store/doc.md")
    assert (found(tmp_path), skipped(tmp_path)) == (["a/deep/other.md", "a/doc.md"], {})


def test_cycles_end_and_are_named(tmp_path: Path) -> None:
    fill(tmp_path, "deep/er/a.md")
    (tmp_path / "deep/er/up").symlink_to("../..")
    (tmp_path / "deep/self").symlink_to(".")
    (tmp_path / "x.md").symlink_to("y.md")
    (tmp_path / "y.md").symlink_to("x.md")
    assert found(tmp_path) == ["deep/er/a.md"]
    assert skipped(tmp_path) == dict.fromkeys(["deep/er/up", "deep/self", "x.md", "y.md"], "link cycle")


def test_links_into_each_others_folders_end(tmp_path: Path) -> None:
    fill(tmp_path, ".a/one.md", ".b/two.md")
    (tmp_path / ".a/b").symlink_to("../.b")
    (tmp_path / ".b/a").symlink_to("../.a")
    (tmp_path / "start").symlink_to(".a")
    assert found(tmp_path) == ["start/b/two.md", "start/one.md"]


def test_a_link_that_dangles_or_leads_out_is_unreadable(tmp_path: Path) -> None:
    fill(tmp_path, "inside/a.md", "outside/b.md")
    (tmp_path / "inside/gone.md").symlink_to("nothing.md")
    (tmp_path / "inside/out").symlink_to(tmp_path / "outside")
    (tmp_path / "inside/root").symlink_to("/")
    assert found(tmp_path / "inside") == ["a.md"]
    assert skipped(tmp_path / "inside") == dict.fromkeys(["gone.md", "out", "root"], "unreadable")


def test_a_name_that_is_no_text_is_named_in_a_form_that_is(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff.md"))).write_text("x")
    assert skipped(tmp_path) == {"bad\\xff.md": "unreadable"}


def test_a_folder_without_permission_is_named() -> None:
    with public_folder() as folder:
        fill(folder, "a.md", "locked/b.md")
        (folder / "locked").chmod(0)
        with unprivileged():
            assert (found(folder), skipped(folder)) == (["a.md"], {"locked/": "unreadable"})
            with pytest.raises(RetrievalError, match="locked cannot be read"):
                walk(folder / "locked")
        (folder / "locked").chmod(0o700)


def test_an_empty_folder_has_no_files(tmp_path: Path) -> None:
    assert list(walk(tmp_path)) == []


@pytest.mark.parametrize("name", ["missing", "file.md"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "file.md")
    with pytest.raises(RetrievalError, match=name):
        walk(tmp_path / name)
