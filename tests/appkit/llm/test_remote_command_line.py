"""`appkit run` and `appkit chat` with a model behind a server."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appkit import ScriptedModel
from tests.appkit.cli.command import appkit, environment, one_sentence
from tests.helpers.openai_server import Handler, OpenAIServer, serve

ENDLESS = 4000  # pieces


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serve(ScriptedModel(["Hello there", "And again"], repeats=True)) as server:
        yield server


def test_run_prints_the_answer(server: OpenAIServer, tmp_path: Path) -> None:
    done = appkit("run", "hi", "-m", server.spec, home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello there\n", "")


def test_run_sends_what_was_asked_for(server: OpenAIServer, tmp_path: Path) -> None:
    done = appkit("run", "hi", "-m", server.spec, "-s", "Be kind.", "--top-k", "3", "--json", home=tmp_path)
    assert json.loads(done.stdout)["usage"]["completion_tokens"] == len("Hello there")
    body = server.bodies("/chat/completions")[0]
    assert [message["content"] for message in body["messages"]] == ["Be kind.", "hi"]
    assert body["top_k"] == 3


def test_chat_goes_on_with_what_was_said(server: OpenAIServer, tmp_path: Path) -> None:
    done = appkit("chat", "-m", server.spec, home=tmp_path, stdin="one\ntwo\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["Hello there", "And again"]
    shown = server.bodies("/chat/completions")[1]["messages"]
    assert [message["content"] for message in shown] == ["one", "Hello there", "two"]


def test_the_key_is_read_from_the_environment(server: OpenAIServer, tmp_path: Path) -> None:
    server.key = "sk-secret"
    assert appkit("run", "hi", "-m", server.spec, home=tmp_path, APPKIT_API_KEY="sk-secret").stdout == "Hello there\n"
    sentence = one_sentence(appkit("run", "hi", "-m", server.spec, home=tmp_path))
    assert "Set the environment variable APPKIT_API_KEY" in sentence
    wrong = appkit("run", "hi", "-m", server.spec, home=tmp_path, APPKIT_API_KEY="sk-wrong", APPKIT_DEBUG="1")
    assert wrong.returncode != 0
    assert "sk-wrong" not in wrong.stderr


def test_what_is_wrong_is_one_sentence(server: OpenAIServer, tmp_path: Path) -> None:
    for spec, words in {
        "openai:http://127.0.0.1:9/v1#x": "http://127.0.0.1:9/v1/models cannot be reached",
        server.spec.replace("openai:", ""): "Put openai: before the address of a server",
        "gpt:x": "No kind of model begins with gpt:",
        server.url.replace("http:", "openai:http:").removesuffix("/v1"): "mostly in /v1",
        "openai:http://user:pw-1234@host/v1": "leave it out",
    }.items():
        sentence = one_sentence(appkit("run", "hi", "-m", spec, home=tmp_path))
        assert words in sentence
        assert "pw-1234" not in sentence


def endless(handler: Handler) -> None:
    """Speak until the client leaves."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    try:
        for _ in range(ENDLESS):
            handler.wfile.write(b'data: {"choices": [{"delta": {"content": "word "}}]}\n\n')
            time.sleep(0.01)
    except (BrokenPipeError, ConnectionResetError):
        handler.state.hung_up.set()


def test_ctrl_c_stops_the_answer_and_hangs_up(server: OpenAIServer, tmp_path: Path) -> None:
    server.answer_next(endless)
    command = [sys.executable, "-m", "appkit", "run", "hi", "-m", server.spec]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp_path))
    assert running.stdout is not None
    assert running.stdout.read(5) == b"word "
    os.kill(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=10)
    assert running.returncode == 130
    assert out.endswith(b"\n")
    assert err == b""
    assert server.hung_up.wait(2)


def test_httpx_is_loaded_for_remote_models_alone() -> None:
    program = "import sys, appkit; appkit.open_model({spec!r}).close(); print('httpx' in sys.modules)"
    with serve(ScriptedModel(["x"])) as server:
        for spec, is_loaded in (("scripted:a", "False"), (server.spec, "True")):
            done = subprocess.run(
                [sys.executable, "-c", program.format(spec=spec)], capture_output=True, text=True, check=True
            )
            assert done.stdout.strip() == is_loaded


def test_no_thread_is_left_behind(server: OpenAIServer, tmp_path: Path) -> None:
    from appkit import RemoteModel

    with RemoteModel(server.spec) as model:
        model.generate("hi")
    deadline = time.monotonic() + 2
    while any(thread.name == "appkit-remote" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
