"""Nothing in a template reaches Python, files or processes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.sandbox import RenderOptions, SandboxError, TemplateFailedError, render
from tests.helpers.shared_data import ROOT
from tests.runtime.sandbox.payloads import LEAKS, LIVE, QUIET

CHAT = RenderOptions(trim_blocks=True, lstrip_blocks=True, helpers="chat")
VARIABLES = {"messages": [{"role": "user", "content": "hi"}], "tools": None}


@pytest.mark.parametrize(
    "options", [CHAT, RenderOptions(), RenderOptions(strict=True)], ids=["chat", "plain", "strict"]
)
def test_no_payload_escapes(options: RenderOptions, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    assert len(LIVE) + len(QUIET) >= 90
    for payload in LIVE + QUIET:
        try:
            text = render(payload.replace("CANARY", str(canary)), VARIABLES, options=options)
        except SandboxError as error:
            text = str(error) if isinstance(error, TemplateFailedError) else ""
        assert not any(leak in text for leak in LEAKS), payload
        assert not canary.exists(), payload


PLAIN_JINJA = """
import sys, jinja2
from pathlib import Path
environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"])
environment.globals["raise_exception"] = lambda message: None
environment.globals["strftime_now"] = lambda format: ""
given = {"messages": [{"role": "user", "content": "hi"}], "tools": type("", (), {"__init__": lambda self: None})()}
canary, worked = Path(sys.argv[1]), 0
for payload in sys.stdin.read().split("\\0"):
    try:
        environment.from_string(payload.replace("CANARY", str(canary))).render(given)
    except Exception:
        pass
    worked += canary.exists()
    canary.unlink(missing_ok=True)
print(worked)
"""


def test_most_payloads_work_without_a_sandbox(tmp_path: Path) -> None:
    """Else their failure in the sandbox would prove nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PLAIN_JINJA, str(tmp_path / "canary")],
        input="\0".join(LIVE),
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout.split()[-1]) >= 40


WHAT_AN_ESCAPED_TEMPLATE_WOULD_DO = """
import os, runpy, socket, sys
runpy.run_path(sys.argv[1])["give_up_rights"](512 << 20)
tries = {
    "read": lambda: open("/etc/hostname"),
    "write": lambda: open(sys.argv[2], "w"),
    "list": lambda: os.listdir("/"),
    "socket": lambda: socket.socket(),
    "shell": lambda: os.popen("id").read(),
    "allocate": lambda: bytearray(1 << 30),
}
for name, attempt in tries.items():
    try:
        attempt()
    except (OSError, MemoryError):
        continue
    print(name)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems limit less, and the worker says so")
def test_even_outside_the_sandbox_the_worker_can_do_nothing(tmp_path: Path) -> None:
    worker = ROOT / "runtime" / "sandbox" / "worker.py"
    done = subprocess.run(
        [sys.executable, "-c", WHAT_AN_ESCAPED_TEMPLATE_WOULD_DO, str(worker), str(tmp_path / "canary")],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_nothing_of_the_environment_reaches_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    from runtime.sandbox import Sandbox

    monkeypatch.setenv("SECRET_KEY", "hush")
    sandbox = Sandbox()
    sandbox.warm_up()
    worker = sandbox._worker
    assert worker is not None
    sandbox.render("", {})
    if sys.platform == "linux":
        assert b"hush" not in Path(f"/proc/{worker.pid}/environ").read_bytes()
    sandbox.close()


@pytest.mark.parametrize("folder", ["runtime", "appkit", "eval", "examples"])
def test_jinja2_is_used_by_the_worker_alone(folder: str) -> None:
    """One place that renders is one place to keep safe."""
    for path in (ROOT / folder).rglob("*.py"):
        if path.relative_to(ROOT).as_posix() == "runtime/sandbox/worker.py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "jinja2" for name in names), f"{path} imports jinja2; call the sandbox"
