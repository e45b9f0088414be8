"""Names of a package, imported when they are first used: importing the package then costs next to nothing."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(package: str, homes: Mapping[str, str], namespace: dict[str, Any]) -> Callable[[str], Any]:
    """A module's `__getattr__` (PEP 562): imports a name from its home and keeps it, so later uses do not come here.

    Args:
        package: the module's `__name__`.
        homes: name → the module of the package that has it.
        namespace: the module's `globals()`.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = namespace[name] = getattr(import_module(f"{package}.{homes[name]}"), name)
        return value

    return find
