"""The public names of `runtime` and `appkit` with their signatures, as text that a golden file can hold.

Write it anew after a change that is meant: python -m tests.helpers.public_api --write
"""

import dataclasses
import importlib
import inspect
import re
import sys
import typing
from collections.abc import Iterator
from types import ModuleType

from tests.helpers.shared_data import ROOT

GOLDEN = ROOT / "tests" / "golden" / "public_api.txt"
PACKAGES = ("appkit", "runtime")


def describe() -> str:
    """One line a name, class member and dataclass field, sorted."""
    lines: list[str] = []
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            lines.extend(_describe_name(module, name))
    return "\n".join(lines) + "\n"


def _describe_name(module: ModuleType, name: str) -> Iterator[str]:
    value = getattr(module, name)
    path = f"{module.__name__}.{name}"
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        yield f"class {path}({bases})"
        yield from (f"  {line}" for line in _members(value))
    elif inspect.isfunction(value):
        yield f"def {path}{_signature(value)}"
    elif isinstance(value, ModuleType):
        yield f"module {path}"
    elif typing.get_origin(value) is not None:
        yield f"type {path} = {value}"
    else:
        yield f"value {path}: {type(value).__name__}"


def _members(cls: type) -> Iterator[str]:
    if dataclasses.is_dataclass(cls):
        for field in dataclasses.fields(cls):
            default = "" if field.default is dataclasses.MISSING else f" = {field.default!r}"
            yield f"{field.name}: {field.type}{default}"
    elif "__init__" in vars(cls) and not getattr(cls, "_is_protocol", False):
        yield f"__init__{_signature(cls.__init__)}"
    for name, member in sorted(vars(cls).items()):
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"{name} (property)"
        elif isinstance(member, classmethod | staticmethod):
            yield f"{type(member).__name__} {name}{_signature(member.__func__)}"
        elif inspect.isfunction(member):
            yield f"def {name}{_signature(member)}"


def _signature(function: typing.Any) -> str:
    text = str(inspect.signature(function))
    return re.sub(r" at 0x[0-9a-f]+>", ">", text.replace("<factory>", "…"))  # a default that is a function


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        GOLDEN.write_text(describe(), "utf-8")
    else:
        sys.stdout.write(describe())
