"""The key that goes to a server: from the environment alone, only where it may be seen, and never shown.

Addresses end up in files, logs and shell histories; a key in one is refused (see `remote_address`).
"""

import os
import re
from dataclasses import dataclass, field

from appkit.llm.remote_address import KEY_VARIABLE, RemoteAddress

OPENAI_KEY_VARIABLE = "OPENAI_API_KEY"
OPENAI_HOST = "api.openai.com"
PLAIN_HTTP_VARIABLE = "APPKIT_ALLOW_KEY_OVER_HTTP"

_LONGEST_SHOWN = 300


@dataclass(frozen=True, kw_only=True)
class ApiKey:
    """A key, and the environment variable it comes from. Its value is in no repr."""

    value: str = field(repr=False)
    variable: str


def api_key(address: RemoteAddress) -> ApiKey | None:
    """The key to send to `address`; None where there is none.

    `APPKIT_API_KEY` goes to any server, `OPENAI_API_KEY` only to the one that issued it. A key crosses a network only
    encrypted, unless `APPKIT_ALLOW_KEY_OVER_HTTP=1` says that this network may see it.

    Raises:
        ValueError: the key would travel in the open, or is not one. The message does not show it.
    """
    key = _read(KEY_VARIABLE)
    if key is None and address.host == OPENAI_HOST:
        key = _read(OPENAI_KEY_VARIABLE)
    if key is None:
        return None
    if not (address.is_encrypted or address.is_loopback or _may_be_seen()):
        raise ValueError(
            f"The key in {key.variable} would travel unencrypted to {address.host}: use https, unset {key.variable}, "
            f"or, on a network you trust, set {PLAIN_HTTP_VARIABLE}=1."
        )
    return key


def shown(text: str, key: ApiKey | None) -> str:
    """What a server wrote, fit for a message: on one line, short, and without the key, which servers repeat."""
    if key is not None:
        text = text.replace(key.value, "***")
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_LONGEST_SHOWN]


def _read(variable: str) -> ApiKey | None:
    value = os.environ.get(variable, "").strip()
    if not value:
        return None
    if re.fullmatch(r"[!-~]{1,4096}", value) is None:
        raise ValueError(f"The key in {variable} holds blanks or characters that no key has: set it again.")
    return ApiKey(value=value, variable=variable)


def _may_be_seen() -> bool:
    return os.environ.get(PLAIN_HTTP_VARIABLE, "").lower() not in ("", "0", "false", "no")
