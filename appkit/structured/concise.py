"""A schema in a few words, for the command line: `name, age int, tags [str]`.

fields   field, field, …       a line break does as well, and so does a Chinese comma
field    name [type][?] [: what it means]      a name alone is text; "?" lets it be null
type     text str string | int integer | float number | bool boolean | date | datetime | time | red|green|blue
         [type] a list; [] of text | {fields} an object
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn

MAX_CHARACTERS = 8192
MAX_DEPTH = 16
MAX_FIELDS = 200
_NAMES = {"boolean": "bool boolean", "integer": "int integer", "number": "float number", "string": "str string text"}
_FORMATS = {"date": "date", "datetime": "date-time", "time": "time"}
_TYPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {name: {"type": kind} for kind, names in _NAMES.items() for name in names.split()}
    | {name: {"type": "string", "format": kind} for name, kind in _FORMATS.items()}
)
_WORD = re.compile(r"[^\W\d][\w-]*")
_CHOICE = re.compile(r"[\w-]+(?:[ \t]*\|[ \t]*[\w-]+)+")
_BLANKS = re.compile(r"[ \t\r]*")
_SPACE = re.compile(r"\s*")
_SEPARATORS = re.compile(r"[ \t\r]*[,，\n]\s*")
_ABOUT = re.compile(r"[^,，\n{}\[\]]*")


def parse_concise_schema(text: str) -> dict[str, Any]:
    """The JSON Schema of an object with the fields that `text` names; all are required, and no others allowed.

    Raises:
        ValueError: it cannot be read; the message says where.
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"The schema has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
    reader = _Reader(text)
    schema = reader.fields(depth=0)
    reader.expect_end()
    return schema


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._num_fields = 0

    def fields(self, depth: int) -> dict[str, Any]:
        """An object's fields, up to the end or a closing bracket."""
        if depth > MAX_DEPTH:
            self._fail(f"it is nested more than {MAX_DEPTH} deep")
        properties: dict[str, Any] = {}
        self._skip(_SPACE)
        while True:
            name = self._match(_WORD)
            if not name:
                self._fail("the name of a field is missing")
            if name in properties:
                self._fail(f"the field {name!r} is there twice")
            self._num_fields += 1
            if self._num_fields > MAX_FIELDS:
                self._fail(f"there are more than {MAX_FIELDS} fields")
            properties[name] = self._described(self._type(depth))
            if not self._match(_SEPARATORS) or self._is_over():
                break
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    def expect_end(self) -> None:
        self._skip(_SPACE)
        if self._at < len(self._text):
            self._fail("a comma or the end is missing")

    def _type(self, depth: int) -> dict[str, Any]:
        """A type, text where there is none, and "?" after it."""
        self._skip(_BLANKS)
        schema: dict[str, Any]
        if self._take("["):
            self._skip(_SPACE)
            items: dict[str, Any] = {"type": "string"} if self._peek() == "]" else self._type_of_items(depth)
            if items == {"type": "string"}:
                items["minLength"] = 1  # small models like to go on with empty ones
            schema = {"type": "array", "items": items}
            self._close("]")
        elif self._take("{"):
            schema = self.fields(depth + 1)
            self._close("}")
        elif choices := self._match(_CHOICE):
            schema = {"type": "string", "enum": list(dict.fromkeys(re.split(r"[ \t]*\|[ \t]*", choices)))}
        elif word := self._match(_WORD):
            if word.lower() not in _TYPES:
                self._fail(
                    f"{word!r} is no type; there are {', '.join(_TYPES)}, choices a|b, lists [type] and {{fields}}"
                )
            schema = dict(_TYPES[word.lower()])
        else:
            schema = {"type": "string"}
        self._skip(_BLANKS)
        return {"anyOf": [schema, {"type": "null"}]} if self._take("?") or self._take("？") else schema

    def _type_of_items(self, depth: int) -> dict[str, Any]:
        if depth + 1 > MAX_DEPTH:
            self._fail(f"it is nested more than {MAX_DEPTH} deep")
        items = self._type(depth + 1)
        self._skip(_SPACE)
        return items

    def _described(self, schema: dict[str, Any]) -> dict[str, Any]:
        self._skip(_BLANKS)
        if not (self._take(":") or self._take("：")):
            return schema
        about = self._match(_ABOUT).strip()
        return {**schema, "description": about} if about else schema

    def _close(self, bracket: str) -> None:
        self._skip(_SPACE)
        if not self._take(bracket):
            self._fail(f"{bracket!r} is missing")

    def _is_over(self) -> bool:
        """Nothing but space, or the end of an object, follows: a comma after the last field is no matter."""
        return self._text[self._at : self._at + 1] in ("", "}")

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, character: str) -> bool:
        found = self._peek() == character
        self._at += found
        return found

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found[0] if found else ""

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._match(pattern)

    def _fail(self, why: str) -> NoReturn:
        rest = self._text[self._at : self._at + 20]
        place = f"before {rest!r}" if rest else "at its end"
        raise ValueError(f"The schema cannot be read {place}: {why}. Write it like: name, age int, tags [str]")
