"""State is written whole or not at all, under locks, inside its folder."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runtime.errors import ConfinedPathError, LockTimeoutError
from runtime.files import FileLock, confined_path, data_dir, free_bytes, is_sha256, sha256_file, write_atomic
from tests.helpers.hostile_names import HOSTILE_NAMES


def test_data_dir_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("APPKIT_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # to be ignored, the specification says
    assert data_dir() == tmp_path / ".local/share/appkit"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert data_dir() == tmp_path / "xdg/appkit"
    monkeypatch.setenv("APPKIT_HOME", "~/mine")
    assert data_dir() == tmp_path / "mine"


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=lambda name: ascii(name)[:40])
def test_no_name_leads_out_of_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfinedPathError):
        confined_path(tmp_path, name)
    with pytest.raises(ConfinedPathError):
        confined_path(tmp_path, "fine", name)


def test_the_corpus_of_names_is_a_hundred_and_twenty_strong() -> None:
    assert len(set(HOSTILE_NAMES)) >= 120


@pytest.mark.parametrize("name", ["a", "smollm2-135m", "x.gguf", "A" * 128, "0..1", "NUL"])
def test_plain_names_stay_as_they_are(name: str, tmp_path: Path) -> None:
    assert confined_path(tmp_path, name) == tmp_path / name


def test_a_symbolic_link_below_the_root_is_refused_and_the_root_may_be_one(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "root").symlink_to(tmp_path / "outside")
    assert confined_path(tmp_path / "root", "a") == tmp_path / "root/a"
    (tmp_path / "outside/link").symlink_to("/etc")
    with pytest.raises(ConfinedPathError, match="symbolic link"):
        confined_path(tmp_path / "root", "link", "passwd")


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", "../" + "0" * 61, "０" * 64])
def test_only_64_lower_case_hexadecimal_digits_are_a_digest(text: str) -> None:
    assert not is_sha256(text)
    assert is_sha256("0123456789abcdef" * 4)


def test_write_atomic_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old and longer")
    with write_atomic(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old and longer"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["state"]


def test_write_atomic_leaves_the_old_file_when_the_writer_fails(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), write_atomic(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


def test_write_atomic_only_writes_bytes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'w'"), write_atomic(tmp_path / "state", "w"):
        pass


def test_write_atomic_removes_what_a_killed_writer_left_and_spares_a_living_one(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from runtime.files import write_atomic\n"
        "with write_atomic(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    path = tmp_path / "state"
    assert subprocess.run([sys.executable, "-c", code, str(path)]).returncode == -9
    assert len(os.listdir(tmp_path)) == 1
    with write_atomic(path) as first:
        first.write(b"first")
        assert len(os.listdir(tmp_path)) == 1  # the dead writer's file is gone, ours is there
        with write_atomic(path) as second:
            second.write(b"second")
    assert path.read_bytes() == b"first"
    assert os.listdir(tmp_path) == ["state"]


def test_write_atomic_by_many_threads_leaves_one_of_their_files(tmp_path: Path) -> None:
    path = tmp_path / "state"

    def write(content: bytes) -> None:
        for _ in range(20):
            with write_atomic(path) as file:
                file.write(content)

    contents = [bytes([byte]) * 5000 for byte in range(8)]
    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert os.listdir(tmp_path) == ["state"]


def test_sha256_file_equals_hashlib_and_tells_of_its_progress(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8193  # two MiB and a little
    (tmp_path / "file").write_bytes(content)
    heard: list[tuple[int, int]] = []
    digest = sha256_file(tmp_path / "file", lambda done, total: heard.append((done, total)))
    assert digest == hashlib.sha256(content).hexdigest()
    assert heard == [(1 << 20, len(content)), (2 << 20, len(content)), (len(content), len(content))]


def test_free_bytes_answers_for_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "a/b/c") > 0


def test_a_lock_excludes_threads_and_says_who_waits_for_what(tmp_path: Path) -> None:
    path = tmp_path / "locks/x.lock"
    with FileLock(path), pytest.raises(LockTimeoutError, match=r"x\.lock for more than 0\.1 s"):
        FileLock(path, timeout_s=0.1).acquire()
    with FileLock(path, timeout_s=0):
        pass


def test_a_lock_is_not_reentrant_and_release_is_harmless_twice(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "x.lock")
    with lock, pytest.raises(ValueError, match="already locked"):
        lock.acquire()
    lock.release()


def test_locked_steps_of_four_processes_never_overlap(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from runtime.files import FileLock\n"
        "count = Path(sys.argv[1])\n"
        "for _ in range(50):\n"
        "    with FileLock(count.with_suffix('.lock')):\n"
        "        count.write_text(str(int(count.read_text()) + 1))"
    )
    count = tmp_path / "count"
    count.write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", code, str(count)]) for _ in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    assert count.read_text() == "200"


def test_a_killed_holder_frees_its_lock(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from runtime.files import FileLock\n"
        "FileLock(Path(sys.argv[1])).acquire(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.lock")])
    with FileLock(tmp_path / "x.lock", timeout_s=0):
        pass
