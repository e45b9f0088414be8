"""A typed function as a tool: its parameters as a JSON Schema, and arguments checked against them.

Schemas and checks are pydantic's; names and descriptions come from the function and its docstring.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appkit.structured.faults import MAX_FAULTS, MAX_SHOWN, place_of, shown
from appkit.structured.mask_schema import mask_schema
from appkit.structured.schema_walk import map_schema
from appkit.structured.typed_dicts import readable
from appkit.tools.context import ToolContext
from appkit.tools.observation import MAX_ERROR_BYTES, bounded

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

_SECTION_NAMES = ("Args:", "Arguments:", "Parameters:")
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")
_REST_ENTRY = re.compile(r":param\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)")
_NAMED_FORMATS = ("date", "date-time", "time", "uuid")  # the runtime holds text to these, and models know them
_NOTES = ("default", "description")  # what a model reads of a schema and no grammar holds


@dataclass(frozen=True, kw_only=True)
class Signature:
    """How a model sees a function."""

    description: str
    schema: Mapping[str, Any]
    arguments: "type[BaseModel]"
    context_name: str | None  # the parameter that takes the `ToolContext`

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The function's arguments as Python objects; those not given are left to the function's defaults.

        Raises:
            ValueError: an argument is missing, unknown or of another type; a sentence for the model.
        """
        from pydantic import ValidationError

        try:
            read = self.arguments.model_validate(dict(given))
        except ValidationError as error:
            raise ValueError(_explained(error.errors(include_url=False), list(self.schema["properties"]))) from error
        fields = type(read).model_fields
        return {str(fields[name].alias): getattr(read, name) for name in fields if name in read.model_fields_set}


def read_signature(function: Callable[..., Any]) -> Signature:
    """The signature of a typed function.

    Raises:
        TypeError: a parameter without annotation, of a type that JSON cannot hold, or that has no name to give it by.
    """
    from pydantic import ConfigDict, Field, create_model
    from pydantic.errors import PydanticUserError

    name = name_of(function)
    parameters = _parameters(function, name)
    texts = _parameter_texts(inspect.getdoc(function) or "")
    contexts = [parameter.name for parameter in parameters if parameter.annotation is ToolContext]
    if len(contexts) > 1:
        raise TypeError(f"{name}() takes {len(contexts)} parameters of type ToolContext; one is enough.")
    fields: dict[str, Any] = {}
    for idx, parameter in enumerate(p for p in parameters if p.name not in contexts):
        options: dict[str, Any] = {"alias": parameter.name}
        if parameter.name in texts:
            options["description"] = texts[parameter.name]
        if parameter.default is not parameter.empty:
            options |= _default(parameter, name)
        # A name of our own: pydantic keeps some for itself, and the alias is what is seen.
        fields[f"argument_{idx}"] = (readable(parameter.annotation), Field(**options))
    try:
        arguments = create_model(name, __config__=ConfigDict(extra="forbid", allow_inf_nan=False), **fields)
        schema = _shown_schema(arguments)
    except (PydanticUserError, NameError, TypeError, ValueError) as error:
        raise TypeError(f"The parameters of {name}() cannot be a JSON Schema: {error}") from error
    schema.setdefault("properties", {})
    return Signature(
        description=_first_paragraph(inspect.getdoc(function) or ""),
        schema=schema,
        arguments=arguments,
        context_name=contexts[0] if contexts else None,
    )


def name_of(function: Callable[..., Any]) -> str:
    """A function's name; for a partial or a callable object, that of what is called."""
    inner = function.func if isinstance(function, functools.partial) else function
    return str(getattr(inner, "__name__", type(inner).__name__))


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    try:
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())
    except (AttributeError, NameError, SyntaxError, TypeError) as error:  # it was written as text
        raise TypeError(
            f"An annotation of {name}() cannot be resolved: {error}. Define the type in the module."
        ) from error
    except ValueError as error:
        raise TypeError(f"{name}() does not say its parameters; write a Python function around it.") from error
    if isinstance(function, functools.partial):  # what it fixes is not for the model to change
        parameters = [parameter for parameter in parameters if parameter.name not in function.keywords]
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{name}() takes {parameter}: a tool needs every parameter by name.")
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(f"{name}() takes {parameter.name!r} by position only; a model gives arguments by name.")
        if parameter.annotation is parameter.empty:
            hint = "decorate the bound method: tool(object.method)" if parameter.name == "self" else "annotate it"
            raise TypeError(f"Parameter {parameter.name!r} of {name}() has no annotation, and so no schema: {hint}.")
    return parameters


def _default(parameter: inspect.Parameter, name: str) -> dict[str, Any]:
    """What pydantic is told of a default. The function fills it in itself: here it only makes the argument optional."""
    from pydantic.fields import FieldInfo

    default = parameter.default
    if isinstance(default, FieldInfo):
        raise TypeError(
            f"The default of {parameter.name!r} of {name}() is a Field, which the function itself would get: write "
            f"{parameter.name}: Annotated[…, Field(…)] and a plain default."
        )
    if default is None or isinstance(default, str | int | float | bool):
        return {"default": default}
    return {"default_factory": lambda: None}


def _shown_schema(arguments: "type[BaseModel]") -> dict[str, Any]:
    """What a model is shown and held to: all that a grammar can hold of the types, with what is said of each."""
    from pydantic import TypeAdapter

    from appkit.structured.type_schema import schema_of

    schema = map_schema(schema_of(TypeAdapter(arguments)), _with_short_format)
    shown_schema = _with_notes(mask_schema(schema), schema)
    assert isinstance(shown_schema, dict)
    return shown_schema


def _with_short_format(schema: dict[str, Any], where: str) -> dict[str, Any]:
    """`schema` with a format alone where that says it: the pattern is long, and shown with every request."""
    from appkit.structured.patterns import DATE, TIME

    if schema.get("format") in _NAMED_FORMATS and schema.get("pattern") != f"^(?:{DATE}T{TIME})$":  # without zone
        schema.pop("pattern", None)
    return schema


def _with_notes(schema: Any, source: Any) -> Any:
    """`schema` with the defaults and descriptions of `source`, from which it was made."""
    if isinstance(schema, list) and isinstance(source, list):
        return [_with_notes(*pair) for pair in zip(schema, source, strict=False)]
    if not isinstance(schema, dict) or not isinstance(source, dict):
        return schema
    noted = {key: _with_notes(value, source[key]) if key in source else value for key, value in schema.items()}
    return noted | {key: source[key] for key in _NOTES if key in source and not isinstance(source[key], dict)}


def _first_paragraph(docstring: str) -> str:
    first = docstring.split("\n\n", 1)[0]
    lines = [line for line in first.splitlines() if not _REST_ENTRY.match(line.strip())]
    return "" if lines and lines[0] in _SECTION_NAMES else " ".join(" ".join(lines).split())


def _parameter_texts(docstring: str) -> dict[str, str]:
    """What a docstring says of each parameter, in an "Args:" section or as ":param name:"."""
    texts: dict[str, list[str]] = {}
    current: list[str] | None = None
    section_indent: int | None = None
    entry_indent = 0
    for line in docstring.splitlines():
        stripped, indent = line.strip(), len(line) - len(line.lstrip())
        if stripped in _SECTION_NAMES:
            section_indent, current = indent, None
        elif found := _REST_ENTRY.match(stripped):
            current, entry_indent = texts.setdefault(found[1], []), indent
            current.append(found[2])
        elif section_indent is not None and stripped and indent <= section_indent:
            section_indent = current = None
        elif current is not None and stripped and indent > entry_indent:
            current.append(stripped)
        elif section_indent is not None and (found := _GOOGLE_ENTRY.fullmatch(stripped)):
            current, entry_indent = texts.setdefault(found[1], []), indent
            current.append(found[2])
        elif stripped or section_indent is None:
            current = None
    return {name: " ".join(parts) for name, parts in texts.items()}


def _explained(errors: "list[ErrorDetails]", known: list[str]) -> str:
    sentences = [_sentence(error, known) for error in errors[:MAX_FAULTS]]
    if len(errors) > MAX_FAULTS:
        sentences.append(f"There are {len(errors) - MAX_FAULTS} more faults.")
    return bounded(" ".join(sentences), MAX_ERROR_BYTES)


def _sentence(error: "ErrorDetails", known: list[str]) -> str:
    place = place_of(error["loc"])[:MAX_SHOWN]
    if error["type"] == "missing":
        return f"Argument {place!r} is missing."
    if error["type"] == "extra_forbidden":
        return f"There is no argument {place!r}; there is: {', '.join(known) or 'none'}."
    return f"Argument {place!r} is {shown(error['input'])}: {error['msg'].removeprefix('Value error, ').rstrip('.')}."
