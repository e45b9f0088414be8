"""The worker's life: started when needed, shared by threads, gone with its parent."""

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.sandbox import Sandbox, SandboxError, SandboxLimits, SandboxUnavailableError, TemplateFailedError
from tests.helpers.shared_data import ROOT

RENDER_MODULE = importlib.import_module("runtime.sandbox.render")  # the folder's `render` is the function


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def pid_of(sandbox: Sandbox) -> int:
    assert sandbox._worker is not None
    return sandbox._worker.pid


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pid: int, timeout_s: float = 5) -> bool:
    deadline = time.monotonic() + timeout_s
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(pid)


def run_python(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, **options
    )


def test_no_worker_before_the_first_render(sandbox: Sandbox) -> None:
    assert sandbox._worker is None
    sandbox.render("", {})
    assert is_running(pid_of(sandbox))


def test_one_worker_serves_many_renders(sandbox: Sandbox) -> None:
    sandbox.render("", {})
    first = pid_of(sandbox)
    assert [sandbox.render("{{ i }}", {"i": i}) for i in range(20)] == [str(i) for i in range(20)]
    assert pid_of(sandbox) == first


def test_warming_up_does_not_wait(sandbox: Sandbox) -> None:
    sandbox.render("", {})  # whatever the first start loads from disk
    sandbox.close()
    started = time.monotonic()
    sandbox.warm_up()
    warm_s = time.monotonic() - started
    sandbox.render("", {})
    whole_s = time.monotonic() - started
    assert warm_s < whole_s / 2


def test_a_close_ends_the_worker_and_a_later_render_starts_another(sandbox: Sandbox) -> None:
    sandbox.render("", {})
    first = pid_of(sandbox)
    sandbox.close()
    assert not is_running(first)
    assert sandbox.render("{{ 1 }}", {}) == "1"


def test_a_worker_killed_while_idle_is_replaced_unnoticed(sandbox: Sandbox) -> None:
    sandbox.render("", {})
    os.kill(pid_of(sandbox), signal.SIGKILL)
    time.sleep(0.05)
    assert sandbox.render("{{ 1 }}", {}) == "1"


def test_a_worker_killed_while_rendering_is_an_error_and_replaced(sandbox: Sandbox) -> None:
    sandbox.warm_up()
    killer = threading.Timer(0.5, os.kill, (pid_of(sandbox), signal.SIGKILL))
    killer.start()
    with pytest.raises(TemplateFailedError, match="status -9"):
        sandbox.render("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", {})
    killer.join()
    assert sandbox.render("{{ 1 }}", {}) == "1"


def test_a_worker_that_hangs_is_killed_at_its_deadline() -> None:
    sandbox = Sandbox(SandboxLimits(wall_s=0.3))
    sandbox.render("", {})
    first = pid_of(sandbox)
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(SandboxError, match=r"0\.3 s"):
        sandbox.render("{{ v }}", {"v": "x" * 1_000_000})  # more than a pipe holds
    assert not is_running(first)
    assert sandbox.render("{{ 1 }}", {}) == "1"
    sandbox.close()


def test_threads_take_turns(sandbox: Sandbox) -> None:
    wrong: list[str] = []

    def work(name: int) -> None:
        for i in range(50):
            text = sandbox.render("{{ name }}-{{ i }}", {"name": name, "i": i, "filler": "x" * 10_000})
            if text != f"{name}-{i}":
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


FORK = """
import os, threading, warnings
from runtime.sandbox import render, shared_sandbox
warnings.simplefilter("ignore")
assert render("{{ 1 }}", {}) == "1"
parents = shared_sandbox()._worker.pid
shared_sandbox()._lock.acquire()  # as if another thread were rendering
child = os.fork()
if child == 0:
    assert render("{{ 2 }}", {}) == "2"
    assert shared_sandbox()._worker.pid != parents
    os._exit(0)
shared_sandbox()._lock.release()
assert os.waitpid(child, 0)[1] == 0
assert render("{{ 3 }}", {}) == "3"
assert shared_sandbox()._worker.pid == parents
"""


def test_a_forked_child_gets_a_worker_of_its_own() -> None:
    done = run_python(FORK)
    assert done.returncode == 0, done.stderr


ORPHAN = """
import os, sys, time
from runtime.sandbox import render, shared_sandbox
render("", {})
if os.fork() == 0:
    time.sleep(3)  # a child that outlives us and never renders
    os._exit(0)
print(shared_sandbox()._worker.pid, flush=True)
%s
"""


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "sys.exit()", "raise ValueError", "os._exit(1)"])
def test_the_worker_ends_with_its_parent_however_that_ends(end: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", ORPHAN % end],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        start_new_session=True,
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.wait()
    assert wait_until_gone(pid, 2)
    process.stdout.close()


BUSY_ORPHAN = """
import os, threading
from runtime.sandbox import render, shared_sandbox, warm_up
warm_up()
print(shared_sandbox()._worker.pid, flush=True)
threading.Timer(0.5, os.kill, (os.getpid(), 9)).start()
render("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", {})
"""


def test_a_busy_worker_outlives_a_killed_parent_by_its_processor_time_at_most() -> None:
    done = run_python(BUSY_ORPHAN)
    assert done.returncode == -signal.SIGKILL
    assert wait_until_gone(int(done.stdout), 20)  # it gets 2 s at most, and here it may share them


def test_it_works_with_all_standard_files_closed(tmp_path: Path) -> None:
    result = tmp_path / "result"
    code = f"""
import os
for fd in (0, 1, 2): os.close(fd)
from runtime.sandbox import render
text = render("{{{{ 1 }}}}", {{}}) + render("{{{{ 2 }}}}", {{}})
open({str(result)!r}, "w").write(text)
"""
    run_python(code)
    assert result.read_text() == "12"


INTERRUPTED = """
import os, signal, threading
from runtime.sandbox import render, shared_sandbox
render("", {})
threading.Timer(0.3, os.kill, (0, signal.SIGINT)).start()  # the whole process group, as a terminal does
try:
    render("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", {})
except KeyboardInterrupt:
    print(render("{{ 'next' }}", {}))
"""


def test_ctrl_c_stops_the_wait_and_leaves_a_working_sandbox() -> None:
    done = run_python(INTERRUPTED, start_new_session=True)
    assert (done.stdout, done.stderr) == ("next\n", "")


def test_ctrl_c_does_not_reach_the_worker(sandbox: Sandbox) -> None:
    sandbox.render("", {})
    first = pid_of(sandbox)
    assert os.getsid(first) != os.getsid(0)
    os.kill(first, signal.SIGINT)
    assert sandbox.render("{{ 1 }}", {}) == "1"
    assert pid_of(sandbox) == first


def test_many_open_files_do_no_harm(sandbox: Sandbox) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        assert sandbox.render("{{ 1 }}", {}) == "1"
    finally:
        for fd in files:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_python_without_a_name_is_told(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(SandboxUnavailableError, match=r"sys\.executable"):
        sandbox.render("", {})


def test_a_worker_that_does_not_start_is_told(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(RENDER_MODULE, "WORKER_FILE", tmp_path / "missing.py")
    with pytest.raises(SandboxUnavailableError, match=r"did not start \(status 2\).*missing\.py"):
        sandbox.render("", {})


def test_a_reply_no_worker_can_give_is_not_read(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    liar = tmp_path / "liar.py"
    liar.write_text("import os, time\nos.write(1, b'\\xff\\xff\\xff\\xff')\ntime.sleep(60)")
    monkeypatch.setattr(RENDER_MODULE, "WORKER_FILE", liar)
    with pytest.raises(SandboxUnavailableError):
        sandbox.render("", {})
    assert sandbox._worker is None


UNLIMITED = "import json, os\nb = json.dumps({'unlimited': ['memory']}).encode()\nos.write(1, len(b).to_bytes(4) + b)\n"


def test_a_missing_limit_is_said_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    worker = tmp_path / "unlimited.py"
    worker.write_text(UNLIMITED + "os.read(0, 1)\n")
    monkeypatch.setattr(RENDER_MODULE, "WORKER_FILE", worker)
    for _ in range(2):
        with pytest.raises(TemplateFailedError):
            sandbox.render("", {})
    assert [record.message for record in caplog.records] == [
        "This system does not limit the memory of the process that renders templates; its deadline (2.5 s) holds."
    ]


def test_importing_it_loads_neither_jinja2_nor_numpy() -> None:
    done = run_python("import sys, runtime.sandbox; print('jinja2' in sys.modules, 'numpy' in sys.modules)")
    assert done.stdout == "False False\n"
