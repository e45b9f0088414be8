"""What a prompt says of the answer it wants, turned into the constraint that a model is held to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from appkit.messages import Constraint
from appkit.templates.front_matter import Located
from appkit.templates.origin import Origin
from appkit.templates.variables import Variable, check_value, problem_with

OutputKind = Literal["text", "regex", "json_schema", "grammar", "choice"]


@dataclass(frozen=True, kw_only=True)
class Output:
    """The answer's form. Of a "choice" either `source` holds the texts or `variable` names the list that will."""

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
        choices = tuple(values[self.variable])
        if problem := _problem_with_choices(choices):
            raise origin.error(
                f"the variable {self.variable!r}, from which the answer is chosen, {problem}.",
                self.line,
                variable=self.variable,
            )
        return Constraint("choice", choices)


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
    if kind == "choice":
        return _read_choice(origin, value, line, variables)
    if kind in ("regex", "grammar"):
        if not isinstance(value, str) or not value:
            raise origin.error(f"output has the {kind} {value!r}; write its text, in quotes.", line)
        return Output(kind=kind, source=value, line=line)
    if kind == "json_schema":
        if not isinstance(value, Mapping) or problem_with(value, "any"):
            raise origin.error(f"output has the json_schema {value!r}; write a JSON Schema object.", line)
        return Output(kind="json_schema", source=json.dumps(value, ensure_ascii=False), line=line)
    raise origin.error(f"output is of kind {kind!r}; there are choice, regex, json_schema and grammar.", line)


def _read_choice(origin: Origin, value: Any, line: int | None, variables: Mapping[str, Variable]) -> Output:
    if isinstance(value, str):
        variable = variables.get(value)
        if variable is None or variable.type != "list[str]":
            raise origin.error(
                f"output chooses from {value!r}; name a variable of type list[str], or list the texts: [yes, no].",
                line,
                variable=value,
            )
        return Output(kind="choice", variable=value, line=line)
    check_value(origin, Variable(name="choice", type="list[str]", line=line), value, " of output")
    if problem := _problem_with_choices(tuple(value)):
        raise origin.error(f"the list from which the answer is chosen {problem}.", line)
    return Output(kind="choice", source=tuple(value), line=line)


def _problem_with_choices(choices: tuple[str, ...]) -> str:
    if not choices or "" in choices:
        return "is empty, or holds an empty text"
    twice = next((choice for choice in choices if choices.count(choice) > 1), None)
    return "" if twice is None else f"holds {twice!r} twice"
