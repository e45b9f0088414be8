"""Where a remote model is, as one name says it.

openai:http://127.0.0.1:8000/v1#qwen3-4b          the model `qwen3-4b` of the server at that address
openai:https://host/v1                            the only model the server lists
openai:https://host/v1?context=32768#name         the same, and how many tokens it holds, where the server is silent
"""

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlsplit

PREFIX = "openai:"
KEY_VARIABLE = "APPKIT_API_KEY"

_MAX_ADDRESS_CHARACTERS = 2048
_MAX_CONTEXT = 100_000_000
_FORM = "openai:http://host:port/v1#model"


@dataclass(frozen=True, kw_only=True)
class RemoteAddress:
    """A server of the OpenAI protocol: `url` is what its paths are added to, as in http://127.0.0.1:8000/v1."""

    url: str
    host: str
    is_encrypted: bool
    model: str | None = None  # None: the only one there is
    max_seq_len: int | None = None  # None: what the server says

    @property
    def root_url(self) -> str:
        """The address less its version, where servers keep what the protocol does not know."""
        return self.url.removesuffix("/v1")

    @property
    def is_loopback(self) -> bool:
        """Nothing sent there leaves this machine."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_address(spec: str) -> RemoteAddress:
    """What "openai:http://host/v1#model" means; the prefix may be left out.

    Raises:
        ValueError: it is not of that form, or holds a password. The message shows none of it.
    """
    text = spec.removeprefix(PREFIX)
    if len(text) > _MAX_ADDRESS_CHARACTERS or not text.isprintable() or " " in text:
        raise ValueError(f"The address of a remote model holds blanks or is too long: write it as {_FORM}.")
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 (it is checked when it is read)
    except ValueError as error:
        raise ValueError(f"The address of a remote model cannot be read; write it as {_FORM}.") from error
    if "@" in parts.netloc:
        raise ValueError(
            "The address of a remote model holds a user name or password, which would be shown and stored with it: "
            f"leave it out and give the key in the environment variable {KEY_VARIABLE}."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"The name of a remote model holds no address: write it as {_FORM}, with http or https.")
    return RemoteAddress(
        url=f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}",
        host=parts.hostname,
        is_encrypted=parts.scheme == "https",
        model=parts.fragment or None,
        max_seq_len=_context(parts),
    )


def _context(parts: SplitResult) -> int | None:
    """Tokens after `?context=`. Other parameters are refused unread: keys have been put there."""
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    text = given.pop("context", None)
    if given:
        raise ValueError(
            "The address of a remote model may hold ?context=TOKENS and no other parameter; keys go into the "
            f"environment variable {KEY_VARIABLE}."
        )
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 < int(text) <= _MAX_CONTEXT):
        raise ValueError(f"context is {text[:40]!r}; give the number of tokens the model holds, as in ?context=32768.")
    return int(text)
