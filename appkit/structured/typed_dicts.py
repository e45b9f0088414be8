"""TypedDicts of the standard library, made readable for pydantic, which before Python 3.12 refuses them."""

import functools
import operator
import sys
import types
import typing
from typing import Any


def readable(annotation: Any) -> Any:
    """`annotation` with each `typing.TypedDict` in it, however deep in lists and unions, as its twin.

    Those in the fields of a pydantic model or a dataclass are beyond reach; pydantic says what to do about them.
    """
    if sys.version_info >= (3, 12):
        return annotation
    return _readable(annotation, {})


def _readable(annotation: Any, twins: dict[Any, Any]) -> Any:
    if typing.is_typeddict(annotation):
        return _twin(annotation, twins) if type(annotation).__module__ == "typing" else annotation
    origin, given = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is None or origin is typing.Literal or not given:
        return annotation
    if origin is typing.Annotated:
        return typing.Annotated[(_readable(given[0], twins), *given[1:])]
    args = tuple(_readable(arg, twins) for arg in given)
    if args == given:
        return annotation
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, args)
    return origin[args]


def _twin(annotation: Any, twins: dict[Any, Any]) -> Any:
    """The same fields as a TypedDict that pydantic reads."""
    import typing_extensions

    if annotation in twins:
        if twins[annotation] is None:
            raise TypeError(
                f"{annotation.__name__} holds itself: make it with typing_extensions.TypedDict, or use Python 3.12."
            )
        return twins[annotation]
    twins[annotation] = None  # under way
    hints = typing.get_type_hints(annotation, include_extras=True)
    fields = {}
    for name, hint in hints.items():
        while typing.get_origin(hint) in (typing.Required, typing.NotRequired):
            (hint,) = typing.get_args(hint)
        wrapper = typing.Required if name in annotation.__required_keys__ else typing.NotRequired
        fields[name] = wrapper[_readable(hint, twins)]
    make: Any = typing_extensions.TypedDict
    twin = make(annotation.__name__, fields)
    twin.__doc__, twin.__module__ = annotation.__doc__, annotation.__module__
    twins[annotation] = twin
    return twin
