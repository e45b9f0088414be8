"""Ctrl-C while the model writes, or while a tool works: it is raised at once and everything is closed."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.helpers.tiny_model import write_tiny_model

ROOT = Path(__file__).parents[3]

CHILD = """
import signal, sys, threading, time
from appkit import LocalModel, ScriptedModel, Message, ToolCall, GenerationSettings, tool
from appkit.agents import Agent, TextDelta, ToolStarted

@tool
def hang() -> str:
    time.sleep(60)
    return "late"

def model():
    if sys.argv[1] == "tool":
        return ScriptedModel([Message(role="assistant", content="", tool_calls=(ToolCall(name="hang", arguments={}),))])
    return LocalModel(sys.argv[2])

def busy(event):
    return isinstance(event, ToolStarted if sys.argv[1] == "tool" else TextDelta)

with model() as opened:
    agent = Agent(opened, tools=[hang], dialect="tools" if sys.argv[1] == "tool" else "react",
                  settings=GenerationSettings(max_tokens=120, temperature=1.5, seed=1, ignore_eos=True))
    stream = agent.stream("go")
    try:
        with stream:
            for event in stream:
                if busy(event):
                    print("busy", flush=True)
    except KeyboardInterrupt:
        print("interrupted", [call.name for call in stream.state.unknown_outcomes], flush=True)
others = [thread.name for thread in threading.enumerate() if not thread.daemon]
print("closed", others, flush=True)
"""


@pytest.mark.parametrize(("what", "unknown"), [("tool", "['hang']"), ("model", "[]")])
def test_ctrl_c_is_raised_at_once_and_everything_is_closed(what: str, unknown: str, tmp_path: Path) -> None:
    path = write_tiny_model(tmp_path / "tiny.gguf", metadata={"llama.context_length": 4096})
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), what, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "APPKIT_HOME": str(tmp_path)},
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "busy\n"
        started = time.monotonic()
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=30)
    finally:
        child.kill()
    lines = [line for line in out.splitlines() if line != "busy"]
    assert lines == [f"interrupted {unknown}", "closed ['MainThread']"], errors
    assert time.monotonic() - started < 10
