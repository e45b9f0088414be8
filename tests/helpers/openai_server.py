"""A server of the OpenAI protocol over any `LanguageModel`, on a port of its own, in this process.

It does what such servers do: lists its models, answers chats and completions as events or whole, calls tools where its
model does, counts tokens as vLLM or llama.cpp do. `answer_next` makes it misbehave: what it is given is written to the
connection byte by byte in place of an answer.
"""

import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from appkit.errors import CapabilityError, ContextOverflowError
from appkit.llm.base import Completion, GenerationSettings, LanguageModel
from appkit.messages import Message, ToolCall, ToolSpec

MODEL = "served-model"
Tokenize = Literal["vllm", "llamacpp"]
Fault = bytes | Callable[["Handler"], None]

_SETTINGS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repetition_penalty",
    "repeat_penalty": "repetition_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
    "seed": "seed",
    "max_tokens": "max_tokens",
    "ignore_eos": "ignore_eos",
}


@dataclass
class OpenAIServer:
    """What the server serves, and what it was asked."""

    model: LanguageModel | None
    owned_by: str = "vllm"
    models: tuple[str, ...] = (MODEL,)
    tokenize: Tokenize | None = "vllm"
    key: str | None = None  # that requests must carry
    shows_context: bool = True
    reports_usage: bool = True
    has_completions: bool = True
    url: str = ""
    requests: list[tuple[str, Any]] = field(default_factory=list)  # path and body of each POST
    authorizations: list[str | None] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)  # a client left in the middle of an answer
    faults: deque[Fault] = field(default_factory=deque)

    @property
    def spec(self) -> str:
        """The name that opens the served model."""
        return f"openai:{self.url}#{MODEL}"

    def answer_next(self, *faults: Fault) -> None:
        """Answer the next requests for text with these, one each, written as they are; then as usual."""
        self.faults.extend(faults)

    def bodies(self, path: str) -> list[Any]:
        """What was posted to the paths that end so."""
        return [body for found, body in self.requests if found.endswith(path)]


@contextmanager
def serve(model: LanguageModel | None, *, certificate: Path | None = None, **options: Any) -> Iterator[OpenAIServer]:
    """Serve `model` within the block; encrypted where there is a `certificate`. `options` are fields of the server."""
    state = OpenAIServer(model, **options)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"state": state}))
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "http" if certificate is None else "https"
    state.url = f"{scheme}://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    state: OpenAIServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Tests read answers, not logs."""

    def do_GET(self) -> None:
        if not self._may_enter():
            return
        if self.path == "/v1/models":
            self.send_json(200, {"object": "list", "data": [self._model_entry(name) for name in self.state.models]})
        elif self.path == "/props" and self.state.tokenize == "llamacpp":
            self.send_json(200, {"default_generation_settings": {"n_ctx": self._model.max_seq_len}})
        else:
            self.send_error_json(404, "no such path")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.state.requests.append((self.path, body))
        if not self._may_enter():
            return
        is_text = self.path.endswith("completions") and body
        if is_text and self.state.faults:
            self._misbehave(self.state.faults.popleft())
            return
        answer = {
            "/v1/chat/completions": self._chat,
            "/v1/completions": self._complete,
            "/tokenize": self._tokenize,
            "/apply-template": self._apply_template,
        }.get(self.path)
        try:
            if answer is None:
                self.send_error_json(404, "no such path")
            else:
                answer(body)
        except (BrokenPipeError, ConnectionResetError):
            self.state.hung_up.set()
            self.close_connection = True

    def send_json(self, status: int, value: object, **headers: str) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, text in headers.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(data)

    def send_error_json(self, status: int, message: str, **more: object) -> None:
        self.send_json(status, {"error": {"message": message, **more}})

    @property
    def _model(self) -> LanguageModel:
        assert self.state.model is not None
        return self.state.model

    def _may_enter(self) -> bool:
        given = self.headers.get("Authorization")
        self.state.authorizations.append(given)
        if self.state.key is None or given == f"Bearer {self.state.key}":
            return True
        self.send_error_json(401, f"wrong key: {given}")
        return False

    def _misbehave(self, fault: Fault) -> None:
        self.close_connection = True
        if callable(fault):
            fault(self)
        else:
            self.wfile.write(fault)

    def _model_entry(self, name: str) -> dict[str, Any]:
        size = {"max_model_len": self._model.max_seq_len} if self.state.shows_context and self.state.model else {}
        return {"id": name, "object": "model", "owned_by": self.state.owned_by, **size}

    def _chat(self, body: dict[str, Any]) -> None:
        messages, tools = read_messages(body, self._model)
        self._answer(body, messages, tools)

    def _complete(self, body: dict[str, Any]) -> None:
        if not self.state.has_completions:
            self.send_error_json(404, "no such path")
        elif "prompt" not in body:
            self.send_error_json(400, "prompt is missing")
        else:
            self._answer(body, body["prompt"], ())

    def _answer(self, body: dict[str, Any], prompt: str | list[Message], tools: tuple[ToolSpec, ...]) -> None:
        try:
            choice = body["tool_choice"] if tools else "auto"
            with self._model.stream(prompt, read_settings(body), tools=tools, tool_choice=choice) as stream:
                self._send_events(body, stream, is_chat=not isinstance(prompt, str))
        except ContextOverflowError as error:
            self.send_error_json(
                400,
                f"This model's maximum context length is {error.limit} tokens. However, your messages resulted in "
                f"{error.num_tokens} tokens.",
                code="context_length_exceeded",
            )
        except (ValueError, CapabilityError) as error:
            self.send_error_json(400, str(error))

    def _send_events(self, body: dict[str, Any], stream: Any, *, is_chat: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in stream:
            part = {"delta": {"content": piece}} if is_chat else {"text": piece}
            self._send_event({"choices": [{"index": 0, **part, "finish_reason": None}]})
        completion = stream.result()
        for delta in tool_call_deltas(completion.tool_calls):
            self._send_event({"choices": [{"index": 0, "delta": {"tool_calls": [delta]}, "finish_reason": None}]})
        self._send_event({"choices": [last_choice(body, completion, is_chat=is_chat)]})
        if self.state.reports_usage and body.get("stream_options", {}).get("include_usage"):
            usage = completion.usage
            numbers = {"prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens}
            details = {"prompt_tokens_details": {"cached_tokens": usage.cached_tokens}}
            self._send_event({"choices": [], "usage": {**numbers, **details}})
        self._send_chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _send_event(self, value: object) -> None:
        self._send_chunk(b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n")

    def _send_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def _tokenize(self, body: dict[str, Any]) -> None:
        if self.state.tokenize == "vllm" and "messages" in body:
            messages, tools = read_messages(body, self._model)
            self.send_json(200, {"count": self._model.count_tokens(messages, tools=tools)})
        elif self.state.tokenize == "vllm" and "prompt" in body:
            self.send_json(200, {"count": self._model.count_tokens(body["prompt"])})
        elif self.state.tokenize == "llamacpp":
            text = body.get("content", "")
            num_tokens = self._model.count_tokens(text) if text else 0
            self.send_json(200, {"tokens": list(range(num_tokens))})
        else:
            self.send_error_json(404 if self.state.tokenize is None else 400, "cannot count that")

    def _apply_template(self, body: dict[str, Any]) -> None:
        """The text a scripted model is shown; real templates are the business of the local model."""
        if self.state.tokenize != "llamacpp":
            self.send_error_json(404, "no such path")
            return
        lines = []
        for message in map(read_message, body["messages"]):
            calls = "".join(f" {call.name}{json.dumps(dict(call.arguments))}" for call in message.tool_calls)
            lines.append(f"{message.role}: {message.content}{calls}")
        tools = [f"tool: {t['name']} {t['description']} {json.dumps(t['parameters'])}" for t in functions(body)]
        self.send_json(200, {"prompt": "\n".join([*tools, *lines, "assistant: "])})


def read_settings(body: dict[str, Any]) -> GenerationSettings:
    given = {ours: body[theirs] for theirs, ours in _SETTINGS.items() if theirs in body}
    logprobs = body.get("top_logprobs", body.get("logprobs"))
    return GenerationSettings(**given, stop=tuple(body.get("stop", ())), logprobs=logprobs)


def functions(body: dict[str, Any]) -> list[dict[str, Any]]:
    return [tool["function"] for tool in body.get("tools", ())]


def read_messages(body: dict[str, Any], model: LanguageModel) -> tuple[list[Message], tuple[ToolSpec, ...]]:
    """Messages and tools of a request; for a model without tools they are written into a system message."""
    messages = [read_message(message) for message in body["messages"]]
    tools = tuple(ToolSpec(**function) for function in functions(body))
    if tools and "tools" not in model.capabilities:
        told = Message(role="system", content=f"You have these tools: {json.dumps(functions(body))}")
        return [told, *messages], ()
    return messages, tools


def read_message(message: dict[str, Any]) -> Message:
    calls = tuple(
        ToolCall(id=call["id"], name=call["function"]["name"], arguments=json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls", ())
    )
    return Message(
        role=message["role"],
        content=message["content"],
        tool_calls=calls,
        name=message.get("name", ""),
        tool_call_id=message.get("tool_call_id", ""),
    )


def tool_call_deltas(calls: tuple[ToolCall, ...]) -> Iterator[dict[str, Any]]:
    """Calls as servers stream them: first the name, then the arguments in pieces."""
    for index, call in enumerate(calls):
        yield {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
        text = json.dumps(dict(call.arguments), ensure_ascii=False)
        for start in range(0, len(text), 3):
            yield {"index": index, "function": {"arguments": text[start : start + 3]}}


def last_choice(body: dict[str, Any], completion: Completion, *, is_chat: bool) -> dict[str, Any]:
    reason = "tool_calls" if completion.tool_calls else completion.finish_reason
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason, **({"delta": {}} if is_chat else {"text": ""})}
    if body.get("logprobs") is not None and completion.logprobs is not None:
        choice["logprobs"] = (
            {"content": [{"token": "", "logprob": value} for value in completion.logprobs]}
            if is_chat
            else {"token_logprobs": list(completion.logprobs)}
        )
    return choice


def trickle(data: bytes, *, every_s: float) -> Callable[[Handler], None]:
    """A fault: `data` one byte at a time."""

    def write(handler: Handler) -> None:
        try:
            for byte in data:
                handler.wfile.write(bytes((byte,)))
                time.sleep(every_s)
        except (BrokenPipeError, ConnectionResetError):
            handler.state.hung_up.set()

    return write
