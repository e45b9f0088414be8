"""Whatever JSON a server sends as an event, it is taken in or refused; nothing else happens."""

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from appkit import AppkitError, RemoteModelError
from appkit.llm.remote_refusal import refusal
from appkit.llm.remote_reply import RemoteReply

URL = "http://host/v1/chat/completions"
NAMES = (
    "choices", "index", "delta", "content", "text", "finish_reason", "tool_calls", "function", "name", "arguments",
    "id", "logprobs", "logprob", "token_logprobs", "usage", "prompt_tokens", "completion_tokens", "error", "message",
    "prompt_tokens_details", "cached_tokens", "detail", "code",
)  # fmt: skip
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)


def grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)


JSON = st.recursive(LEAVES | st.sampled_from(["stop", "length", "[DONE]"]), grow, max_leaves=20)


@given(st.lists(JSON, max_size=4), st.booleans())
def test_any_events_make_a_reply_or_an_error_of_ours(values: list[Any], is_chat: bool) -> None:
    reply = RemoteReply(URL, "name", is_chat=is_chat)
    with suppress(AppkitError):
        given_texts = [reply.add(json.dumps(value)) for value in values]
        assert reply.text == "".join(given_texts)
        reply.text.encode()
        reply.tool_calls()


@given(st.text(max_size=30))
def test_any_text_makes_a_reply_or_an_error_of_ours(text: str) -> None:
    with suppress(RemoteModelError):
        RemoteReply(URL, "name", is_chat=True).add(text)


@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60), st.integers(100, 999), st.text())
def test_any_body_of_a_refusal_makes_one_sentence_a_line(body: bytes, status: int, retry_after: str) -> None:
    error = refusal(URL, status, body, location="", retry_after=retry_after, key=None)
    assert str(error).startswith(f"{URL} answered {status} (")
    assert str(error).isprintable()
