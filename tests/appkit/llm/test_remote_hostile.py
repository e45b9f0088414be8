"""Whatever a server does, a caller gets an answer or one clear error, in time, and the key is in neither."""

import gzip
import json
import logging
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appkit import Message, RemoteLimits, RemoteModel, RemoteModelError, ScriptedModel
from tests.helpers.openai_server import Fault, Handler, OpenAIServer, serve, trickle
from tests.helpers.raw_answers import answer, calls, ends, events, says

QUESTION = (Message(role="user", content="hi"),)
LIMITS = RemoteLimits(
    connect_timeout_s=2, read_timeout_s=5, deadline_s=10, max_event_bytes=10_000, max_reply_bytes=100_000
)
SECRET = "sk-very-secret-0123456789"


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with serve(ScriptedModel(["fine"], repeats=True)) as server:
        yield server


@pytest.fixture
def model(server: OpenAIServer) -> Iterator[RemoteModel]:
    with RemoteModel(server.spec, limits=LIMITS) as model:
        yield model


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appkit.llm.remote_http._FIRST_WAIT_S", 0.01)


def chunked(*pieces: bytes) -> bytes:
    """The beginning of an answer that promises more than it holds."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


BROKEN: dict[str, tuple[bytes, str]] = {
    "dropped in the middle": (chunked(event(says("half"))), "broke off in the middle of its answer"),
    "ended without a reason": (events(says("half"), done=False), "without saying that it is whole"),
    "done without a reason": (events(says("half")), "without saying that it is whole"),
    "cut in an event": (answer(200, b'data: {"choices": [', "text/event-stream"), "without saying that it is whole"),
    "nothing at all": (events(done=False), "without saying that it is whole"),
    "no JSON": (events("{oops"), "not JSON"),
    "NaN": (events('{"choices": NaN}'), "NaN is no JSON"),
    "nested": (events("[" * 5000), "nested too deeply"),
    "a number of many digits": (events('{"usage": {"prompt_tokens": 1' + "0" * 5000 + "}}"), "not JSON"),
    "no object": (events([1, 2]), "a list where an object was expected"),
    "choices of the wrong type": (events({"choices": "no"}), r"a text as the event\.choices, where a list"),
    "delta of the wrong type": (events({"choices": [{"delta": 3}]}), r"a number as the event\.choices\[0\]\.delta"),
    "content of the wrong type": (events(says(7)), r"a number as .*content, where a text was expected"),  # type: ignore[arg-type]
    "usage below nothing": (events({"usage": {"prompt_tokens": -1}}), "counts nothing"),
    "two answers": (events({"choices": [{"index": 1, "delta": {"content": "x"}}]}), "a second answer"),
    "unknown reason": (events(says("half"), ends("content_filter")), "for the reason 'content_filter'"),
    "an error event": (events(says("half"), {"error": {"message": "out of memory"}}), "broke its answer off: out of"),
    "too many calls": (events(calls(128, name="x")), "more than 128 tool calls"),
    "not UTF-8": (answer(200, b"data: \xff\n\n", "text/event-stream"), "no stream of events"),
    "a line without end": (answer(200, b"data: " + b"x" * 20_000, "text/event-stream"), "a line is longer than 10,000"),
    "a web page": (answer(200, b"<html>", "text/html"), "content type 'text/html'"),
    "no content type": (b"HTTP/1.1 200 OK\r\n\r\n{}", "content type ''"),
    "JSON, not a stream": (answer(200, b"{}"), "text/event-stream was asked for"),
    "gzip": (
        answer(200, gzip.compress(b"0" * 10_000_000), "text/event-stream", "Content-Encoding: gzip"),
        "encoding 'gzip', which it was asked not to",
    ),
    "more than accepted": (answer(200, b": x\n" * 100_000, "text/event-stream"), "more than 100,000 bytes"),
    "a redirect": (
        answer(307, b"", "text/plain", "Location: http://other.example/v1?k=1"),
        r"answered 307 .*points to 'http://other\.example/v1', which is not followed",
    ),
    "bad request": (answer(400, b'{"error": {"message": "no such tool"}}'), r"400 \(Bad Request\): no such tool\.$"),
    "bad request in FastAPI's words": (answer(422, b'{"detail": [{"msg": "bad"}]}'), r"bad"),
    "a refusal in plain text": (answer(400, "坏请求".encode(), "text/plain"), "坏请求"),
    "a refusal as a page": (answer(400, b"<html>secret page", "text/html"), r"answered 400 \(Bad Request\)\.$"),
    "a strange status": (answer(299, b""), "answered 299"),
    "no permission": (answer(401, b""), "Set the environment variable APPKIT_API_KEY"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_half_answer_is_one_clear_error_and_is_not_asked_for_again(
    name: str, server: OpenAIServer, model: RemoteModel
) -> None:
    raw, message = BROKEN[name]
    server.answer_next(raw)
    with pytest.raises(RemoteModelError, match=message) as caught:
        model.chat(QUESTION)
    assert caught.value.url == f"{server.url}/chat/completions"
    assert str(caught.value).startswith(caught.value.url)
    assert len(server.bodies("/chat/completions")) == 1
    assert model.chat(QUESTION).text == "fine"


def test_the_same_error_comes_again_when_asked_again(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(events(says("half"), done=False))
    stream = model.stream(QUESTION)
    for _ in range(2):
        with pytest.raises(RemoteModelError, match="without saying"):
            stream.result()


def test_what_was_read_before_the_break_was_given(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(chunked(event(says("one")), event(says("two"))))
    given: list[str] = []
    with pytest.raises(RemoteModelError):
        given.extend(model.stream(QUESTION))
    assert given == ["one", "two"]


def test_a_whole_answer_counts_though_the_connection_breaks_after_it(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(chunked(event(says("whole")), event(ends())))
    completion = model.chat(QUESTION)
    assert (completion.text, completion.finish_reason) == ("whole", "stop")
    assert completion.usage.is_estimate


def unavailable(*headers: str, status: int = 503) -> bytes:
    return answer(status, b'{"error": "busy"}', "application/json", *headers)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(status: int, server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(unavailable(status=status), b"", unavailable(status=status))  # b"": it hangs up
    assert model.chat(QUESTION).text == "fine"
    assert len(server.bodies("/chat/completions")) == 4


def test_a_busy_server_is_given_up_after_as_many_tries_as_were_allowed(
    server: OpenAIServer, model: RemoteModel
) -> None:
    server.answer_next(*[unavailable()] * 4)
    with pytest.raises(
        RemoteModelError, match=r"answered 503 \(Service Unavailable\): busy\. Try again later"
    ) as caught:
        model.chat(QUESTION)
    assert caught.value.status == 503


def test_retry_after_is_waited_for(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(unavailable("Retry-After: 1", status=429))
    started = time.monotonic()
    assert model.chat(QUESTION).text == "fine"
    assert time.monotonic() - started >= 1


@pytest.mark.parametrize("wait", ["3600", "Fri, 31 Dec 2099 23:59:59 GMT"])
def test_a_server_that_wants_more_patience_than_there_is_is_given_up_at_once(
    wait: str, server: OpenAIServer, model: RemoteModel
) -> None:
    server.answer_next(unavailable(f"Retry-After: {wait}", status=429))
    started = time.monotonic()
    with pytest.raises(RemoteModelError, match=r"429 .* left alone for [0-9,]{5,} s\."):
        model.chat(QUESTION)
    assert time.monotonic() - started < 1


def test_a_retry_after_that_says_nothing_is_ignored(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(unavailable("Retry-After: soon"), unavailable("Retry-After: -3"))
    assert model.chat(QUESTION).text == "fine"


def test_an_endless_answer_ends_at_the_deadline(server: OpenAIServer) -> None:
    stream = chunked(event(says("x"))) + b"".join(b"5\r\n: x\n\n\r\n" for _ in range(10_000))
    server.answer_next(trickle(stream, every_s=0.01))
    limits = RemoteLimits(read_timeout_s=5, deadline_s=1)
    with RemoteModel(server.spec, limits=limits) as model:
        started = time.monotonic()
        with pytest.raises(RemoteModelError, match="did not finish within 1 s"):
            model.chat(QUESTION)
        assert time.monotonic() - started < 2
    assert server.hung_up.wait(2)


def test_headers_that_never_end_end_at_the_deadline(server: OpenAIServer) -> None:
    server.answer_next(trickle(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000, every_s=0.01))
    limits = RemoteLimits(read_timeout_s=5, deadline_s=1)
    with (
        RemoteModel(server.spec, limits=limits) as model,
        pytest.raises(RemoteModelError, match="did not finish within 1 s"),
    ):
        model.chat(QUESTION)


def silence(handler: Handler) -> None:
    """Say nothing until the client leaves."""
    handler.connection.settimeout(10)
    try:
        has_left = handler.connection.recv(1) == b""
    except (ssl.SSLEOFError, ConnectionResetError):  # it left without taking leave
        has_left = True
    if has_left:
        handler.state.hung_up.set()


def test_a_silent_server_is_given_up(server: OpenAIServer) -> None:
    server.answer_next(silence)
    with (
        RemoteModel(server.spec, limits=RemoteLimits(read_timeout_s=0.5)) as model,
        pytest.raises(RemoteModelError, match=r"was silent for 0\.5 s"),
    ):
        model.chat(QUESTION)
    assert len(server.bodies("/chat/completions")) == 1


def stay_after(data: bytes) -> Callable[[Handler], None]:
    def write(handler: Handler) -> None:
        handler.wfile.write(data)
        silence(handler)

    return write


@pytest.mark.parametrize(
    "fault",
    [silence, stay_after(chunked(event(says("half")))), stay_after(b"HTTP/1.1 200 OK\r\n")],
    ids=["silence", "half an answer", "half a head"],
)
def test_cancel_from_another_thread_closes_the_connection_at_once(
    fault: Fault, server: OpenAIServer, model: RemoteModel
) -> None:
    server.answer_next(fault)
    stream = model.stream(QUESTION)
    threading.Timer(0.3, stream.cancel).start()
    started = time.monotonic()
    completion = stream.result()  # waits here when the cancel comes
    assert completion.finish_reason == "cancelled"
    assert completion.text in ("", "half")
    assert time.monotonic() - started < 1
    assert server.hung_up.wait(1)


def test_cancel_ends_the_wait_for_another_try(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(unavailable("Retry-After: 5"))
    stream = model.stream(QUESTION)
    threading.Timer(0.2, stream.cancel).start()
    started = time.monotonic()
    assert stream.result().finish_reason == "cancelled"
    assert time.monotonic() - started < 1
    assert len(server.bodies("/chat/completions")) == 1


def test_cancel_closes_an_encrypted_connection_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with serve(ScriptedModel(["fine"], repeats=True), certificate=certificate) as server:
        with RemoteModel(server.spec, limits=LIMITS) as model:
            assert model.chat(QUESTION).text == "fine"
            server.answer_next(stay_after(chunked(event(says("half")))))
            stream = model.stream(QUESTION)
            assert next(iter(stream)) == "half"
            threading.Timer(0.2, stream.cancel).start()
            assert stream.result().finish_reason == "cancelled"
        assert server.hung_up.wait(1)
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(RemoteModelError, match="certificate verify failed"):
            RemoteModel(server.spec, limits=LIMITS)


def make_certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl here to make a certificate with")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    certificate.write_bytes(certificate.read_bytes() + key.read_bytes())
    return certificate


def test_a_stream_that_is_dropped_hangs_up(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(stay_after(chunked(event(says("half")))))
    next(iter(model.stream(QUESTION)))
    assert server.hung_up.wait(2)


def test_closing_the_model_cancels_its_streams(server: OpenAIServer, model: RemoteModel) -> None:
    server.answer_next(silence)
    stream = model.stream(QUESTION)
    while not server.bodies("/chat/completions"):
        time.sleep(0.01)
    model.close()
    assert stream.result().finish_reason == "cancelled"
    assert server.hung_up.wait(1)


def test_streams_run_at_the_same_time(server: OpenAIServer, model: RemoteModel) -> None:
    meeting = threading.Barrier(3, timeout=5)

    def wait_for_the_others(handler: Handler) -> None:
        meeting.wait()
        handler.wfile.write(events(says("met"), ends()))

    server.answer_next(*[wait_for_the_others] * 3)
    streams = [model.stream(QUESTION) for _ in range(3)]
    assert [stream.result().text for stream in streams] == ["met"] * 3


def test_a_closed_port_is_one_sentence_with_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(RemoteModelError, match=rf"http://127\.0\.0\.1:{port}/v1/models cannot be reached .*refused"):
        RemoteModel(f"openai:http://127.0.0.1:{port}/v1", limits=LIMITS)
    assert time.monotonic() - started < 5


def test_an_unknown_host_is_one_sentence_with_the_address() -> None:
    with pytest.raises(RemoteModelError, match=r"https://nowhere\.invalid/v1/models cannot be reached"):
        RemoteModel("openai:https://nowhere.invalid/v1", limits=LIMITS)


def test_a_proxy_of_the_environment_is_not_asked_for_what_is_on_this_machine(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with RemoteModel(server.spec, limits=LIMITS) as model:
        assert model.chat(QUESTION).text == "fine"


def test_the_key_is_sent_and_shown_nowhere(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("APPKIT_API_KEY", SECRET)
    server.key = SECRET
    with caplog.at_level(logging.DEBUG), RemoteModel(server.spec, limits=LIMITS) as model:
        assert model.chat(QUESTION).text == "fine"
        server.key = "another"  # the server repeats the key it was sent
        with pytest.raises(
            RemoteModelError, match=r"wrong key: Bearer \*\*\*\. Is the key in APPKIT_API_KEY"
        ) as caught:
            model.chat(QUESTION)
    assert server.authorizations[0] == f"Bearer {SECRET}"
    seen = [str(caught.value), repr(caught.value), repr(model), model.name, repr(model.__dict__), caplog.text]
    assert not [text for text in seen if SECRET in text]


def test_a_redirect_takes_the_key_nowhere(server: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPKIT_API_KEY", SECRET)
    with serve(ScriptedModel(["never"])) as other:
        with RemoteModel(server.spec, limits=LIMITS) as model:
            server.answer_next(answer(307, b"", "text/plain", f"Location: {other.url}/chat/completions"))
            with pytest.raises(RemoteModelError, match="not followed"):
                model.chat(QUESTION)
        assert other.authorizations == []
