"""Runs `appkit` as a user does: another process, an empty home, no network."""

import os
import subprocess
import sys
from pathlib import Path

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


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one line a failed command says; fails where it says more, or shows a traceback."""
    assert done.returncode == 1, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith(("Error: ", "错误："))
    return lines[0]
