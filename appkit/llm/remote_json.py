"""JSON that goes to a server, and JSON that comes from one: every value is checked before it is used."""

import json
from collections.abc import Mapping
from typing import Any, cast

from appkit.errors import RemoteModelError
from appkit.strict_json import loads


def to_json(value: Mapping[str, Any]) -> bytes:
    """`value` as JSON in UTF-8. Raises ValueError or TypeError for what JSON cannot say."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError as error:
        half = ord(error.object[error.start])
        raise ValueError(f"The text holds half a character (\\u{half:04x}), which cannot be sent.") from error


def parse_json(data: bytes | str) -> object:
    """The JSON value `data` holds.

    Raises:
        ValueError: it is not JSON, or is nested deeper than anything meant to be read.
    """
    try:
        return loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_object(data: bytes | str, url: str) -> dict[str, Any]:
    """The JSON object that `url` sent as `data`. Raises RemoteModelError."""
    try:
        value = parse_json(data)
    except ValueError as error:
        raise RemoteModelError(f"{url} sent something that is not JSON ({error}).", url) from error
    if not isinstance(value, dict):
        raise RemoteModelError(f"{url} sent {_kind(value)} where an object was expected.", url)
    return cast(dict[str, Any], value)


_LARGEST = 1e15  # anything a server counts or measures is less
_KINDS: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "a truth value",
}


class Reader:
    """Takes typed values out of a JSON object that a server sent. Raises RemoteModelError, naming the place."""

    def __init__(self, value: object, where: str, url: str) -> None:
        if not isinstance(value, dict):
            raise RemoteModelError(f"{url} sent {_kind(value)} as {where}, where an object was expected.", url)
        self._value = cast(dict[str, Any], value)
        self._where = where
        self._url = url

    def text(self, name: str) -> str:
        """The text at `name`; "" where there is none or null. Half a surrogate pair becomes U+FFFD."""
        value = self._value.get(name)
        text = "" if value is None else cast(str, self._checked(name, value, str))
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def number(self, name: str) -> float:
        """The finite number that has to stand at `name`."""
        return self._finite(name, self._value.get(name))

    def numbers(self, name: str) -> list[float]:
        """The finite numbers of the list at `name`; none where there is none or null."""
        return [self._finite(f"{name}[{idx}]", value) for idx, value in enumerate(self.items(name))]

    def count(self, name: str) -> int | None:
        """The integer of 0 or more at `name`; None where there is none or null."""
        value = self._value.get(name)
        if value is None:
            return None
        if not 0 <= self._checked(name, value, int) < _LARGEST:
            raise RemoteModelError(f"{self._url} sent a number that counts nothing as {self._where}.{name}.", self._url)
        return cast(int, value)

    def items(self, name: str) -> list[object]:
        """The list at `name`; empty where there is none or null."""
        value = self._value.get(name)
        return [] if value is None else cast(list[object], self._checked(name, value, list))

    def children(self, name: str) -> "list[Reader]":
        """The objects of the list at `name`; none where there is none or null."""
        return [Reader(item, f"{self._where}.{name}[{idx}]", self._url) for idx, item in enumerate(self.items(name))]

    def child(self, name: str) -> "Reader | None":
        """The object at `name`; None where there is none or null."""
        value = self._value.get(name)
        return None if value is None else Reader(value, f"{self._where}.{name}", self._url)

    def missing(self, name: str) -> RemoteModelError:
        """The error for something that had to stand at `name` and does not."""
        return RemoteModelError(f"{self._url} sent no {self._where}.{name}, which was needed.", self._url)

    def _finite(self, name: str, value: object) -> float:
        number = self._checked(name, value, (int, float))
        if not -_LARGEST < number < _LARGEST:  # also infinity; an integer may have thousands of digits
            raise RemoteModelError(f"{self._url} sent a number out of all bounds as {self._where}.{name}.", self._url)
        return float(number)

    def _checked(self, name: str, value: Any, kind: type | tuple[type, ...]) -> Any:
        if isinstance(value, bool) or not isinstance(value, kind):
            wanted = _KINDS[kind[0] if isinstance(kind, tuple) else kind]
            raise RemoteModelError(
                f"{self._url} sent {_kind(value)} as {self._where}.{name}, where {wanted} was expected.", self._url
            )
        return value


def _kind(value: object) -> str:
    return "nothing" if value is None else _KINDS[type(value)]
