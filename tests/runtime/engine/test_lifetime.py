"""Threads, signals, forks and the end of the process."""

import gc
import signal
import subprocess
import sys
import threading
import time

import pytest

from runtime.engine.engine import Engine
from runtime.engine.requests import Request
from runtime.errors import EngineClosedError
from runtime.sampling.params import SamplingParams
from tests.helpers.toy_engine import BOS, expected_ids, toy_model

SLOW_ENGINE = """
import time
from runtime.engine.engine import Engine
from runtime.engine.requests import Request
from runtime.sampling.params import SamplingParams
from tests.helpers.toy_engine import BOS, toy_model

engine = Engine(toy_model())
engine.model.network.before_forward = lambda input_ids: time.sleep(0.05)
request = Request(prompt_ids=(BOS,), params=SamplingParams(temperature=0, ignore_eos=True))
handle = engine.submit(request)
next(iter(handle))
"""
WAITS = {
    "result": "handle.result()",
    "iteration": "for piece in handle: pass",
    "generate": "engine.generate([[BOS]] * 3, request.params)",
    "score": "engine.score([BOS], [1] * 400); time.sleep(60)",
}


def engine_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "appkit-engine"]


def wait_until_no_thread_is_left() -> None:
    deadline = time.monotonic() + 5
    while engine_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert engine_threads() == []


def start(script: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("wait", WAITS)
def test_ctrl_c_reaches_a_waiting_main_thread_at_once(wait: str) -> None:
    script = f"""{SLOW_ENGINE}
print("ready")
try:
    {WAITS[wait]}
except KeyboardInterrupt:
    print("interrupted")
"""
    with start(script) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.2)
        sent_at = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "interrupted\n"
        assert time.monotonic() - sent_at < 0.5
        assert process.communicate(timeout=10) == ("", "")  # and it ends without being closed
    assert process.returncode == 0


def test_a_process_ends_cleanly_with_work_under_way() -> None:
    with start(SLOW_ENGINE) as process:
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_the_end_of_the_process_waits_until_a_forgotten_engine_has_freed_its_memory() -> None:
    script = """
import time
from runtime.engine.engine import Engine
from tests.helpers.toy_engine import toy_model

class FreedSlowly:
    def __del__(self):
        time.sleep(0.3)
        print("freed")

def forget():
    engine = Engine(toy_model())
    engine.model.network.memory = FreedSlowly()

forget()
time.sleep(0.1)  # the thread is busy freeing by now
"""
    with start(script) as process:
        assert process.communicate(timeout=10) == ("freed\n", "")
    assert process.returncode == 0


def test_close_leaves_no_thread() -> None:
    with Engine(toy_model()) as engine:
        assert len(engine_threads()) == 1
        engine.generate([[BOS]], SamplingParams(max_tokens=1))
    assert engine_threads() == []


def test_an_engine_nobody_holds_ends_its_thread() -> None:
    engine = Engine(toy_model())
    engine.generate([[BOS]], SamplingParams(max_tokens=1))
    del engine
    gc.collect()
    wait_until_no_thread_is_left()


def test_a_handle_keeps_its_engine_alive() -> None:
    request = Request(prompt_ids=(BOS, 1), params=SamplingParams(temperature=0, max_tokens=20))
    handle = Engine(toy_model()).submit(request)
    gc.collect()
    assert handle.result(timeout_s=5).token_ids == expected_ids([BOS, 1], 20)
    del handle
    gc.collect()
    wait_until_no_thread_is_left()


def test_a_forked_child_is_told_to_build_its_own_engine() -> None:
    script = f"""{SLOW_ENGINE}
import os, sys
from runtime.errors import EngineClosedError
if os.fork() == 0:
    for use in (lambda: engine.submit(request), lambda: engine.score([BOS], [1]), engine.stats):
        try:
            use()
        except EngineClosedError as error:
            print(error)
    engine.close()
    sys.exit()
os.wait()
"""
    with start(script) as process:
        out, err = process.communicate(timeout=20)
    assert err == ""
    assert out.count("forked child") == out.count("Build a new Engine in the child") == 3


def test_a_handle_in_a_forked_child_does_not_wait_for_ever() -> None:
    script = f"""{SLOW_ENGINE}
import os, sys
from runtime.errors import EngineClosedError
if os.fork() == 0:
    try:
        handle.result()
    except EngineClosedError as error:
        print(error)
    sys.exit()
os.wait()
"""
    with start(script) as process:
        out, err = process.communicate(timeout=20)
    assert err == ""
    assert "forked child" in out


def test_a_bug_in_the_loop_answers_everybody(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(toy_model())

    def broken() -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(engine._scheduler, "_start_waiting", broken)
    handle = engine.submit(Request(prompt_ids=(BOS,)))
    with pytest.raises(EngineClosedError, match="planted"):
        handle.result(timeout_s=5)
    with pytest.raises(EngineClosedError, match="planted"):
        engine.submit(Request(prompt_ids=(BOS,)))
    engine.close()
    assert "unexpected error" in caplog.text
