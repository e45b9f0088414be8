"""Answers of an HTTP server as the bytes they are, for servers that misbehave."""

import json
from typing import Any


def answer(status: int, body: bytes, content_type: str = "application/json", *headers: str) -> bytes:
    """A whole answer that ends where the connection ends."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Type: {content_type}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def events(*values: Any, done: bool = True) -> bytes:
    """A stream of events; text is sent as it is, anything else as JSON."""
    texts = [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values]
    body = "".join(f"data: {text}\n\n" for text in [*texts, *(["[DONE]"] if done else [])])
    return answer(200, body.encode(), "text/event-stream")


def says(text: str) -> dict[str, Any]:
    """The event that adds `text`."""
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def ends(reason: str | None = "stop") -> dict[str, Any]:
    """The event that says why the answer ended."""
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def calls(index: int, **function: str) -> dict[str, Any]:
    """The event that adds to a tool call."""
    return {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": index, "id": "", "function": function}]}}]}
