"""Files below a folder can be listed and read, and none outside it, by no name and at no moment."""

import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appkit.errors import ToolError
from appkit.tools import Tool, ToolContext, list_files, read_file
from appkit.tools.confined import ConfinedFolder
from appkit.tools.file_tools import MAX_FILE_BYTES, MAX_SHOWN_BYTES
from tests.helpers.hostile_names import HOSTILE_NAMES
from tests.helpers.unprivileged import public_folder, unprivileged

SECRET = "the secret"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder to look into, with a secret beside it and links to it inside."""
    folder = tmp_path / "docs"
    (folder / "notes" / "2024").mkdir(parents=True)
    (folder / "a.txt").write_text("alpha\nbeta\n")
    (folder / "notes" / "中文.md").write_text("质保两年。\n")
    (folder / "notes" / "2024" / "deep.txt").write_text("deep")
    (folder / ".hidden").write_text(SECRET)
    outside = tmp_path / "docs-outside"  # its path begins like that of the folder
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "link_folder").symlink_to(outside)
    (folder / "link_inside").symlink_to("notes")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "hard.txt").hardlink_to(outside / "secret.txt")
    return folder


@pytest.fixture
def read(root: Path) -> Tool:
    return read_file(root)


def told(tool: Tool, path: str) -> str:
    result = tool.run({"path": path})
    assert result.is_error
    assert SECRET not in result.text
    return result.text


def test_a_folder_is_listed_with_sizes_and_what_is_not_followed(root: Path) -> None:
    assert list_files(root).run({}).text.splitlines() == [
        "a.txt (11 bytes)",
        "dangling (a symbolic link, not followed)",
        "hard.txt (a hard link, not read)",
        "link.txt (a symbolic link, not followed)",
        "link_folder (a symbolic link, not followed)",
        "link_inside (a symbolic link, not followed)",
        "notes/",
    ]


def test_names_are_listed_so_that_they_can_be_read(root: Path, read: Tool) -> None:
    lines = list_files(root).run({"folder": "notes"}).text.splitlines()
    assert lines == ["notes/2024/", "notes/中文.md (16 bytes)"]
    assert read.run({"path": "notes/中文.md"}).text == "质保两年。"
    assert read.run({"path": "./notes//2024/deep.txt"}).text == "deep"


def test_half_a_surrogate_pair_is_no_name_of_a_folder(root: Path) -> None:
    assert "a character that no file name has" in list_files(root).run({"folder": "\ud800"}).text


def test_an_empty_folder_and_an_empty_file_are_told(root: Path, read: Tool) -> None:
    (root / "empty").mkdir()
    (root / "empty.txt").touch()
    assert list_files(root).run({"folder": "empty"}).text == "empty/ is empty."
    assert read.run({"path": "empty.txt"}).text == "empty.txt is empty."


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../docs-outside/secret.txt", "leads upwards"),
        ("notes/../../docs-outside/secret.txt", "leads upwards"),
        ("notes/..", "leads upwards"),
        ("/etc/passwd", "absolute path"),
        ("//etc/passwd", "absolute path"),
        ("a.txt\0.md", "a character that no file name has"),
        ("\ud800", "unable to parse raw data as a unicode string"),
        ("link.txt", "'link.txt' is a symbolic link, which is not followed"),
        ("link_folder/secret.txt", "'link_folder' is a symbolic link, which is not followed"),
        ("link_folder/nowhere.txt", "'link_folder' is a symbolic link, which is not followed"),
        ("link_inside/中文.md", "'link_inside' is a symbolic link"),
        ("dangling", "is a symbolic link"),
        ("hard.txt", "has a second name (a hard link)"),
        (".hidden", "is hidden"),
        ("notes/.git/config", "is hidden"),
        ("nowhere.txt", "There is no 'nowhere.txt'; list_files shows what there is."),
        ("nowhere/a.txt", "There is no 'nowhere'"),
        ("a.txt/b.txt", "'a.txt' is a file, not a folder."),
        ("notes", "'notes' is a folder; list_files shows what is in it."),
        ("", "at least 1 character"),
        (".", "'.' names no file"),
        ("x" * 300, "a name that is too long"),
        ("x/" * 5000, "10,000 characters; at most 1,024"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_reason(read: Tool, path: str, reason: str) -> None:
    assert reason in told(read, path)


@pytest.mark.parametrize("tool_of", [list_files, read_file])
def test_no_hostile_name_leads_out(root: Path, tool_of: object) -> None:
    tool = list_files(root) if tool_of is list_files else read_file(root)
    parameter = "folder" if tool_of is list_files else "path"
    for name in HOSTILE_NAMES:
        text = tool.run({parameter: name}).text
        assert SECRET not in text
        assert "root:" not in text
        assert "secret.txt" not in text.replace(repr(name[:100]), "")


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_no_file_is_not_opened(root: Path, read: Tool, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = root / "odd"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        monkeypatch.chdir(root)  # the path of a socket is short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("odd")
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero, which never ends
        except OSError:
            pytest.skip("devices cannot be made here")
    assert "neither a file nor a folder" in told(read, "odd")
    assert "odd (no file)" in list_files(root).run({}).text


def test_hidden_files_and_hard_links_are_read_where_the_owner_says_so(root: Path) -> None:
    assert read_file(root, hidden=True).run({"path": ".hidden"}).text == SECRET
    assert read_file(root, hard_links=True).run({"path": "hard.txt"}).text == SECRET
    assert ".hidden (10 bytes)" in list_files(root, hidden=True).run({}).text


@pytest.fixture
def swapping(root: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder and a file that another thread swaps for links to the outside, over and over."""
    real = root / "swapped"
    real.mkdir()
    (real / "secret.txt").write_text("harmless")
    stop = threading.Event()

    def swap() -> None:
        link = root / "other"
        while not stop.is_set():
            link.symlink_to(tmp_path / "docs-outside")
            os.rename(real, root / "aside")
            os.rename(link, real)
            os.unlink(real)
            os.rename(root / "aside", real)
            file = real / "secret.txt"
            os.rename(file, real / "aside.txt")
            file.symlink_to(tmp_path / "docs-outside" / "secret.txt")
            os.unlink(file)
            os.rename(real / "aside.txt", file)
            time.sleep(0.0001)  # or a busy machine shows the reader nothing but links

    thread = threading.Thread(target=swap)
    thread.start()
    yield real
    stop.set()
    thread.join()


def test_what_is_swapped_for_a_link_during_the_call_is_never_followed(root: Path, swapping: Path) -> None:
    confined = ConfinedFolder(path=root)
    seen = set()
    rounds, give_up = 0, time.monotonic() + 20
    while rounds < 1000 or (b"harmless" not in seen and time.monotonic() < give_up):
        rounds += 1
        try:
            with confined.open_file("swapped/secret.txt") as descriptor:
                seen.add(os.read(descriptor, 100))
        except ToolError:
            seen.add(b"refused")
    assert seen <= {b"harmless", b"refused"}
    assert b"harmless" in seen


@pytest.mark.parametrize("swapped", ["a.txt", "notes"])
def test_a_link_that_is_put_in_place_after_the_look_is_not_followed(
    root: Path, tmp_path: Path, read: Tool, swapped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "docs-outside"
    (outside / "a.txt").write_text(SECRET)
    real_stat = os.stat

    def stat_then_swap(path: Any, **options: Any) -> os.stat_result:
        status = real_stat(path, **options)
        if path == swapped:
            (root / swapped).rename(root / "aside")
            (root / swapped).symlink_to(outside / swapped if swapped == "a.txt" else outside)
        return status

    monkeypatch.setattr(os, "stat", stat_then_swap)
    result = read.run({"path": "a.txt" if swapped == "a.txt" else "notes/secret.txt"})
    assert result.text == f"'{swapped}' is a symbolic link, which is not followed here, or was changed just now."


def test_descriptors_are_closed_whatever_happens(root: Path, read: Tool) -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for path in ("a.txt", "link.txt", "link_folder/secret.txt", "notes", "nowhere", "hard.txt", "a.txt/b", ""):
        read.run({"path": path})
        list_files(root).run({"folder": path})
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert after == before


def test_a_file_without_permission_is_told_of() -> None:
    with public_folder() as folder:
        (folder / "a.txt").write_text(SECRET)
        (folder / "a.txt").chmod(0)
        function = read_file(folder).function
        with unprivileged(), pytest.raises(ToolError, match=r"There is no permission to read 'a\.txt'"):
            function(context=ToolContext(5), path="a.txt")


def test_a_long_file_comes_in_parts_that_join_to_the_whole(root: Path, read: Tool) -> None:
    lines = [f"line {number} 第{number}行" for number in range(1, 5001)]
    (root / "long.txt").write_text("\n".join(lines))
    got: list[str] = []
    while len(got) < len(lines):
        *part, note = read.run({"path": "long.txt", "first_line": len(got) + 1}).text.splitlines()
        if len(got) + len(part) + 1 == len(lines):
            part.append(note)
        else:
            assert note.endswith(f"of 5,000. Go on with first_line = {len(got) + len(part) + 1}.]")
            assert len("\n".join(part).encode()) <= MAX_SHOWN_BYTES
        got += part
    assert got == lines


def test_a_line_longer_than_all_that_is_shown_is_cut(root: Path, read: Tool) -> None:
    (root / "one.txt").write_text("x" * 100_000 + "\nnext\n")
    text = read.run({"path": "one.txt"}).text
    assert "[Cut here: these are the first 32,768 of 100,000 characters.]" in text
    assert text.endswith("[Lines 1 to 1 of 2. Go on with first_line = 2.]")
    assert read.run({"path": "one.txt", "first_line": 2}).text == "next"


@pytest.mark.parametrize("first_line", [0, -1, 3])
def test_a_line_that_is_not_there_is_told(read: Tool, first_line: int) -> None:
    result = read.run({"path": "a.txt", "first_line": first_line})
    assert result.is_error
    assert "greater than or equal to 1" in result.text or "has 2 lines; there is no line 3" in result.text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("质保两年".encode("gb18030") * 20, "质保两年" * 20),
        ("\ufeffmark".encode(), "mark"),
        ("wide".encode("utf-16"), "wide"),
        ("café au lait".encode("cp1252"), "café au lait"),
    ],
    ids=["gb18030", "mark", "utf16", "cp1252"],
)
def test_text_is_decoded_as_documents_are(root: Path, read: Tool, content: bytes, text: str) -> None:
    (root / "t.txt").write_bytes(content)
    assert read.run({"path": "t.txt"}).text == text


def test_a_file_that_is_no_text_is_told_of(root: Path, read: Tool) -> None:
    (root / "image.png").write_bytes(b"\x89PNG\r\n" + bytes(100))
    assert told(read, "image.png") == "'image.png' cannot be read as text. Its content is a PNG image, not text."
    (root / "noise").write_bytes(os.urandom(1000))
    assert "cannot be read as text" in told(read, "noise")


def test_a_file_that_is_too_large_is_not_read(root: Path, read: Tool) -> None:
    with (root / "large.txt").open("wb") as file:
        file.truncate(MAX_FILE_BYTES * 1000)
    assert "has 8,388,608,000 bytes; at most 8,388,608 are read." in told(read, "large.txt")


def test_many_entries_are_cut_and_counted(root: Path) -> None:
    folder = root / "many"
    folder.mkdir()
    for number in range(600):
        (folder / f"{number:04}").touch()
    lines = list_files(root).run({"folder": "many"}).text.splitlines()
    assert len(lines) == 501
    assert lines[0] == "many/0000 (0 bytes)"
    assert lines[-1] == "[Cut here: 500 of 600 are shown.]"


def test_odd_names_are_shown_on_one_line_each(root: Path) -> None:
    folder = root / "odd"
    folder.mkdir()
    for name in (b"a\nb (0 bytes)", b"\xff\xfe", b"\x1b[31mred", "\u202egpj".encode()):
        (folder / os.fsdecode(name)).touch()
    lines = list_files(root).run({"folder": "odd"}).text.splitlines()
    assert sorted(lines) == [
        "odd/a\ufffdb (0 bytes) (0 bytes)",
        "odd/red (0 bytes)",
        "odd/\ufffdgpj (0 bytes)",
        "odd/\ufffd\ufffd (0 bytes)",
    ]


@pytest.mark.parametrize("tool_of", [list_files, read_file])
def test_a_root_that_is_no_folder_is_refused(root: Path, tool_of: object) -> None:
    make = list_files if tool_of is list_files else read_file
    for path in (root / "a.txt", root / "nowhere"):
        with pytest.raises(ValueError, match="is no folder; give one that a model may look into"):
            make(path)


def test_the_root_may_be_a_link_and_the_current_folder_may_change(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alias").symlink_to(root)
    monkeypatch.chdir(tmp_path)
    tool = read_file("alias")
    monkeypatch.chdir("/")
    assert tool.run({"path": "a.txt"}).text == "alpha\nbeta"


def test_a_root_that_goes_away_is_told_of(root: Path, read: Tool) -> None:
    root.rename(root.with_name("moved"))
    assert told(read, "a.txt") == "The folder cannot be opened: No such file or directory."
