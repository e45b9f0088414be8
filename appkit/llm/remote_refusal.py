"""What a server says when it will not answer, made into an error that says what to do."""

import http
import json
import re
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime

from appkit.errors import ContextOverflowError, RemoteModelError
from appkit.llm.remote_address import KEY_VARIABLE
from appkit.llm.remote_json import parse_json
from appkit.llm.remote_key import OPENAI_HOST, OPENAI_KEY_VARIABLE, ApiKey, shown

RETRIED = frozenset({429, 500, 502, 503, 504})
NO_SUCH_PATH = frozenset({404, 405, 501})

_ABOUT_LENGTH = re.compile(r"context[ _](?:length|size|window)|maximum model length|max_model_len", re.IGNORECASE)
_LIMIT = re.compile(
    r"(?:context (?:length|size|window)|model length)(?: is| of)?(?: only)? ?\(?(\d[\d,]{0,11})", re.IGNORECASE
)
_FOUND = re.compile(
    r"(?:resulted in|requested(?: a total of)?|request has|request \(|input \(|prompt \(length|contains(?: at least)?)"
    r" ?(\d[\d,]{0,11})",
    re.IGNORECASE,
)


class NoAnswerError(RemoteModelError):
    """Nothing came back, so the request may be sent again."""


class RemoteRefusal(RemoteModelError):  # noqa: N818 (it is an error by its base; the name says which)
    """The server answered with an error status. `said` is its own explanation, "" where it gave none."""

    def __init__(
        self, message: str, url: str, status: int, *, said: str = "", code: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, url, status)
        self.said = said
        self.code = code
        self.retry_after_s = retry_after_s


def refusal(
    url: str,
    status: int,
    body: bytes,
    *,
    location: str,
    retry_after: str | None,
    key: ApiKey | None,
) -> RemoteRefusal:
    """The error for an answer of `status` that is not 200, with what the server said and a way out."""
    said, code = _explanation(body)
    said = shown(said, key)
    reason = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else "an unknown status"
    parts = [f"{url} answered {status} ({reason})" + (f": {said}" if said else ".")]
    if said and said[-1] not in ".!?。":
        parts[0] += "."
    retry_after_s = _seconds(retry_after)
    parts.append(_way_out(status, shown(location.partition("?")[0], key), key, retry_after_s))
    message = " ".join(part for part in parts if part)
    return RemoteRefusal(message, url, status, said=said, code=code, retry_after_s=retry_after_s)


def as_overflow(error: RemoteModelError, name: str, num_tokens: int, limit: int) -> ContextOverflowError | None:
    """The error as one about length, where it is: servers say so in their own words. None where it is not.

    Args:
        num_tokens, limit: our own numbers, for servers that give none.
    """
    if not isinstance(error, RemoteRefusal) or error.status not in (400, 413, 422, 500):
        return None
    is_length = error.code in ("context_length_exceeded", "exceed_context_size_error")
    if not is_length and not _ABOUT_LENGTH.search(error.said):
        return None
    limit = _number(_LIMIT, error.said) or limit
    num_tokens = _number(_FOUND, error.said) or num_tokens
    return ContextOverflowError(
        f"The prompt, or the prompt with its answer, is {num_tokens:,} tokens and {name} holds {limit:,}; its server "
        f"says: {error.said} Shorten it, ask for fewer tokens, or use a model with a longer context.",
        num_tokens,
        limit,
    )


def error_words(value: object) -> tuple[str, str]:
    """Message and code of the error object `value`, as servers write it in one of several ways; "" for what lacks."""
    if isinstance(value, dict) and value.get("error") is not None:
        value = value["error"]
    if not isinstance(value, dict):
        return (value if isinstance(value, str) else ""), ""
    said = value.get("message") or value.get("detail") or ""
    codes = [code for name in ("code", "type") if isinstance(code := value.get(name), str)]
    return (said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)), codes[0] if codes else ""


def _explanation(body: bytes) -> tuple[str, str]:
    """Message and code in an error body, or the text it is; nothing of a web page."""
    try:
        return error_words(parse_json(body))
    except ValueError:
        text = body.decode("utf-8", errors="replace")
        return ("" if text.lstrip().startswith("<") else text), ""


def _way_out(status: int, location: str, key: ApiKey | None, retry_after_s: float | None) -> str:
    if 300 <= status < 400:
        return f"It points to {location!r}, which is not followed: name that server if it is the one you mean."
    if status in (401, 403):
        if key is not None:
            return f"Is the key in {key.variable} the one for this server?"
        return (
            f"Set the environment variable {KEY_VARIABLE} to its key ({OPENAI_KEY_VARIABLE} is sent to {OPENAI_HOST} "
            "alone)."
        )
    if status == 404:
        return "Does the address end as the server wants it, mostly in /v1, and is the model one that it lists?"
    if status not in RETRIED:
        return ""
    return "Try again later." if retry_after_s is None else f"It asks to be left alone for {retry_after_s:,.0f} s."


def _number(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return int(match[1].replace(",", "")) if match else None


def _seconds(text: str | None) -> float | None:
    """What a Retry-After header asks for: seconds, or a date. Source: RFC 9110, section 10.2.3."""
    if text is None:
        return None
    if re.fullmatch(r"\s*[0-9]{1,12}\s*", text):
        return float(text)
    with suppress(ValueError, OverflowError, OSError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None
