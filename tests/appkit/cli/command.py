"""Runs `appkit` as a user does: another process, an empty home, no network. Or in this process, which is quicker."""

import io
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

SCRIPTED = "scripted:Hello there|And again"


def environment(home: Path, **extra: str) -> dict[str, str]:
    """An environment without this user's models, locale and colours."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "APPKIT_"))}
    return {**kept, "APPKIT_HOME": str(home), "APPKIT_OFFLINE": "1", "LANG": "C.UTF-8", "NO_COLOR": "1", **extra}


def appkit(*args: str, home: Path, stdin: str | bytes | None = None, **extra: str) -> subprocess.CompletedProcess[str]:
    """`appkit ARGS`, with `stdin` piped in, or nothing connected to it where None."""
    done = subprocess.run(
        [sys.executable, "-m", "appkit", *args],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        env=environment(home, **extra),
        timeout=120,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


class CommandHere:
    """`appkit` in this process; the environment and the streams are put back when the test ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(
        self, *args: str, home: Path, stdin: str | None = None, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """The same as `appkit` below, which takes a second longer."""
        from appkit.cli.main import main

        with self._monkeypatch.context() as patch:
            wanted = environment(home, **extra)
            for name in set(os.environ) - set(wanted):
                patch.delenv(name)
            for name, value in wanted.items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.StringIO(stdin or ""))
            patch.setattr(warnings, "showwarning", warnings.showwarning)  # the command sets its own
            self._capsys.readouterr()
            with pytest.raises(SystemExit) as left:
                main(list(args))
            out, err = self._capsys.readouterr()
        status = left.value.code
        return subprocess.CompletedProcess(args, status if isinstance(status, int) else int(bool(status)), out, err)


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line a failed command says; fails where it says more, or shows a traceback."""
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(("Error: ", "错误："))
    return lines[0]
