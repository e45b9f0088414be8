"""The variables that a prompt declares, and the check of what it is given for them."""

import keyword
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast, get_args

from appkit.strict_yaml import Located
from appkit.templates.origin import Origin

VariableType = Literal["str", "int", "float", "bool", "list[str]", "list[dict]", "any"]  # "any" is whatever JSON holds
TYPES = get_args(VariableType)
MAX_NESTING = 50
# What `render` takes besides variables, words of the template language, and what is in every template.
RESERVED = frozenset(
    {"examples", "self", "super", "loop", "caller", "varargs", "kwargs", "true", "false", "none"}
    | {"range", "dict", "lipsum", "cycler", "joiner", "namespace"}
)


class _Required:
    """The default of a variable that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A variable of a prompt; `default` is REQUIRED where one must be given. `line` is where it is declared."""

    name: str
    type: VariableType = "any"
    about: str = ""
    default: Any = REQUIRED
    line: int | None = None

    @property
    def is_required(self) -> bool:
        """Whether a value must be given."""
        return self.default is REQUIRED


def read_variables(origin: Origin, declared: Located) -> dict[str, Variable]:
    """What `variables:` of the front matter declares. Raises TemplateError."""
    return {name: _read_variable(origin, name, value, declared.lines[name]) for name, value in declared.items()}


def complete(origin: Origin, variables: Mapping[str, Variable], given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for every variable, given or default.

    Raises:
        TemplateError: a value is missing, is of another type, or is given for a name that is not declared.
    """
    for name in given:
        if name not in variables:
            raise _unknown(origin, variables, name)
    values = {}
    for name, variable in variables.items():
        if name in given:
            check_value(origin, variable, given[name])
        elif variable.is_required:
            raise _missing(origin, variable)
        values[name] = given.get(name, variable.default)
    return values


def check_value(origin: Origin, variable: Variable, value: Any, whose: str = "") -> None:
    """Raise TemplateError where `value` is not of the variable's type; `whose` says where it came from."""
    if problem := problem_with(value, variable.type):
        raise origin.error(
            f"the variable {variable.name!r}{whose} {problem}; it is declared as {variable.type}.",
            variable.line,
            variable=variable.name,
        )


def problem_with(value: Any, type: VariableType) -> str:
    """What keeps `value` from being of `type`, as the end of a sentence; empty where nothing does."""
    match type:
        case "str":
            fits = isinstance(value, str)
        case "bool":
            fits = isinstance(value, bool)
        case "int":
            fits = isinstance(value, int) and not isinstance(value, bool)
        case "float":
            if isinstance(value, float) and not math.isfinite(value):
                return f"is {value}, which is no number"
            fits = isinstance(value, int | float) and not isinstance(value, bool)
        case "list[str]" | "list[dict]":
            return _problem_with_list(value, type)
        case "any":
            return _problem_with_json(value, 0)
    return "" if fits else f"is {_shown(value)}"


def _problem_with_list(value: Any, type: VariableType) -> str:
    if not isinstance(value, list | tuple):
        return f"is {_shown(value)}"
    wanted = str if type == "list[str]" else Mapping
    for idx, item in enumerate(value):
        if not isinstance(item, wanted):
            return f"has {_shown(item)} as item {idx}"
        if problem := _problem_with_json(item, 1):
            return problem
    return ""


def _problem_with_json(value: Any, depth: int) -> str:
    if depth > MAX_NESTING:
        return f"is nested more than {MAX_NESTING} deep"
    if isinstance(value, float) and not math.isfinite(value):
        return f"holds {value}, which JSON does not have"
    if value is None or isinstance(value, str | int | float):
        return ""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                return f"holds the key {key!r}, which is not text"
        value = list(value.values())
    if not isinstance(value, list | tuple):
        return f"holds {_shown(value)}"
    return next((problem for item in value if (problem := _problem_with_json(item, depth + 1))), "")


def _read_variable(origin: Origin, name: Any, declared: Any, line: int) -> Variable:
    if not isinstance(name, str) or not name.isidentifier() or name.startswith("_") or keyword.iskeyword(name):
        raise origin.error(f"{name!r} cannot be a variable's name; use letters, digits and '_'.", line)
    if name in RESERVED:
        raise origin.error(f"{name!r} has a meaning in templates; call the variable something else.", line)
    if not isinstance(declared, Located):
        raise origin.error(f"the variable {name!r} is declared as {declared!r}; write {name}: {{type: str}}.", line)
    for key in declared:
        if key not in ("type", "about", "default"):
            raise origin.error(f"the variable {name!r} has {key!r}; it takes type, about and default.", line)
    type = declared.get("type")
    if type not in TYPES:
        raise origin.error(f"the variable {name!r} is of type {type!r}; there are {', '.join(TYPES)}.", line)
    about = declared.get("about", "")
    if not isinstance(about, str):
        raise origin.error(f"the variable {name!r} is about {about!r}; write a text, in quotes if need be.", line)
    default = declared.get("default", REQUIRED)
    variable = Variable(name=name, type=cast(VariableType, type), about=about, default=default, line=line)
    if not variable.is_required:
        check_value(origin, variable, default, " by default")
    return variable


def _missing(origin: Origin, variable: Variable) -> Exception:
    about = f" ({variable.about.rstrip('.')})" if variable.about else ""
    return origin.error(
        f"the variable {variable.name!r}{about} was not given; it is a {variable.type} and has no default.",
        variable.line,
        variable=variable.name,
    )


def _unknown(origin: Origin, variables: Mapping[str, Variable], name: str) -> Exception:
    known = ", ".join(variables) or "none"
    return origin.error(f"there is no variable {name!r}; the prompt declares: {known}.", variable=name)


def _shown(value: Any) -> str:
    text = repr(value)
    return f"the {type(value).__name__} {text if len(text) <= 60 else text[:57] + '…'}"
