"""What a prompt says of the answer it wants, turned into the constraint that a model is held to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from appkit.messages import Constraint
from appkit.strict_yaml import Located
from appkit.templates.origin import Origin
from appkit.templates.variables import Variable, check_value, problem_with

OutputKind = Literal["text", "regex", "json_schema", "grammar", "choice"]
_TYPE_OF = {"choice": "list[str]", "json_schema": "any"}  # of a variable that holds it


@dataclass(frozen=True, kw_only=True)
class Output:
    """The answer's form: in `source`, or, for "choice" and "json_schema", in the variable that `variable` names."""

    kind: OutputKind = "text"
    source: str | tuple[str, ...] = ""
    variable: str = ""
    line: int | None = None

    def constraint(self, origin: Origin, values: Mapping[str, Any]) -> Constraint | None:
        """The constraint, None for free text; `values` has a value for every variable. Raises TemplateError."""
        if self.kind == "text":
            return None
        if not self.variable:
            return Constraint(self.kind, self.source)
        value = values[self.variable]
        problem = _problem_with_choices(value) if self.kind == "choice" else _problem_with_schema(value)
        if problem:
            raise origin.error(
                f"the variable {self.variable!r}, which says what may be answered, {problem}.",
                self.line,
                variable=self.variable,
            )
        return Constraint(self.kind, tuple(value) if self.kind == "choice" else _json(value))


def read_output(origin: Origin, given: Any, line: int | None, variables: Mapping[str, Variable]) -> Output:
    """What `output:` of the front matter says. Raises TemplateError."""
    if given == "text":
        return Output(line=line)
    if not isinstance(given, Located) or len(given) != 1:
        raise origin.error(
            f"output is {given!r}; write text, or one of {{choice: …}}, {{regex: …}}, {{json_schema: …}}, "
            "{grammar: …}.",
            line,
        )
    ((kind, value),) = given.items()
    if kind in ("choice", "json_schema") and isinstance(value, str):
        return _read_reference(origin, kind, value, line, variables)
    if kind == "choice":
        check_value(origin, Variable(name="choice", type="list[str]", line=line), value, " of output")
        if problem := _problem_with_choices(value):
            raise origin.error(f"the list from which the answer is chosen {problem}.", line)
        return Output(kind="choice", source=tuple(value), line=line)
    if kind in ("regex", "grammar"):
        if not isinstance(value, str) or not value:
            raise origin.error(f"output has the {kind} {value!r}; write its text, in quotes.", line)
        return Output(kind=kind, source=value, line=line)
    if kind == "json_schema":
        if problem := _problem_with_schema(value):
            raise origin.error(f"the json_schema of output {problem}.", line)
        return Output(kind="json_schema", source=_json(value), line=line)
    raise origin.error(f"output is of kind {kind!r}; there are choice, regex, json_schema and grammar.", line)


def _read_reference(
    origin: Origin,
    kind: Literal["choice", "json_schema"],
    name: str,
    line: int | None,
    variables: Mapping[str, Variable],
) -> Output:
    type = _TYPE_OF[kind]
    if name not in variables or variables[name].type != type:
        raise origin.error(
            f"the {kind} of output is {name!r}; name a variable of type {type}, or write it out here.",
            line,
            variable=name,
        )
    return Output(kind=kind, variable=name, line=line)


def _problem_with_choices(choices: Sequence[str]) -> str:
    if not choices or "" in choices:
        return "is empty, or holds an empty text"
    twice = next((choice for choice in choices if choices.count(choice) > 1), None)
    return "" if twice is None else f"holds {twice!r} twice"


def _problem_with_schema(schema: Any) -> str:
    return problem_with(schema, "any") if isinstance(schema, Mapping) else f"is {schema!r}; give a JSON Schema object"


def _json(value: Any) -> str:
    """Mappings of every kind as JSON text."""
    return json.dumps(value, ensure_ascii=False, default=dict)
