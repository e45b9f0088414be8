"""`output_type`: what an answer is to be, as a constraint that holds a model to it and a reader of what it wrote."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from appkit.messages import Constraint
from appkit.structured.retry import Retry
from appkit.structured.text_kinds import Choice, Regex

T = TypeVar("T")
U = TypeVar("U")
MAX_CHARACTERS = 200_000  # of an answer


@dataclass(frozen=True, kw_only=True)
class OutputType(Generic[T]):
    """A type that a model can be asked for. Made by `output_type`."""

    name: str  # for people and models: "Person", "int", "yes | no"
    schema: Mapping[str, Any] | None  # what the JSON of the answer is; None where the answer is no JSON
    constraint: Constraint | None  # what a text must match; None where any will do
    read: Callable[[str], T] = field(repr=False, compare=False)
    example: str = ""  # of a text that is easier shown than described: a date

    def parse(self, text: str) -> T:
        """The value that `text` says.

        White space around it is no matter, nor is a Markdown code block around JSON. What a mask cannot hold, such as
        a validator of a pydantic model, is checked here.

        Raises:
            ValueError: it says none, or a validator refused it; a sentence that tells the model what to change.
        """
        if len(text) > MAX_CHARACTERS:
            raise ValueError(f"It has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
        try:
            return self.read(text)
        except Retry as wish:
            raise ValueError(str(wish) or "It will not do.") from wish

    def then(self, change: Callable[[T], U]) -> "OutputType[U]":
        """The same text, read as `change` of the value; it may raise ValueError or `Retry` for one that will not do."""
        return OutputType(
            name=self.name,
            schema=self.schema,
            constraint=self.constraint,
            read=lambda text: change(self.read(text)),
            example=self.example,
        )


@overload
def output_type(output: OutputType[T]) -> OutputType[T]: ...
@overload
def output_type(output: type[T]) -> OutputType[T]: ...
@overload
def output_type(output: Any) -> OutputType[Any]: ...
def output_type(output: Any) -> OutputType[Any]:
    """What to hold a model to, and how to read its answer.

    Args:
        output: a type: a pydantic model, dataclass, TypedDict or NamedTuple; int, float, bool, str, a date, time,
            duration, UUID or Decimal; an Enum or Literal; lists, sets, tuples and dicts of these; a union; any of them
            in Annotated with limits or validators. Or `Regex`, `Choice`, a `Constraint`, a JSON Schema as a dict, or a
            term of the package outlines, which give text and plain data.

    The text is JSON, members in the order of the fields. A text alone, a date, a number or one of several texts is
    written bare, without quotes; `str` is free text. In a union of objects that nothing tells apart, a value is within
    an object that names its type: {"Refund": {…}}. Numbers are finite; objects have no members but their own.

    Raises:
        TypeError: this is no type, or one that has no form in JSON.
        ValueError: a schema or pattern is wrong, or contradicts itself; the message says where, as a JSON pointer. The
            rest of what cannot be held to is said when a model compiles the constraint, before it writes anything.
    """
    from appkit.structured.outlines_types import is_outlines_term, of_outlines
    from appkit.structured.text_types import of_choice, of_constraint, of_regex, of_schema

    if isinstance(output, OutputType):
        return output
    if output is str:
        return OutputType(name="str", schema=None, constraint=None, read=str)
    if isinstance(output, Regex):
        return of_regex(output.pattern)
    if isinstance(output, Choice):
        return of_choice(output.texts, str)
    if isinstance(output, Constraint):
        return of_constraint(output)
    if isinstance(output, Mapping):
        return of_schema(output)
    if is_outlines_term(output):
        return of_outlines(output)
    if output is None or isinstance(output, str | bytes | int | float | list | tuple | set | frozenset):
        raise TypeError(
            f"output is {output!r:.60}, which is a value: give a type such as int or list[str], a union A | B for "
            "several types, Choice([…]) for several texts, or a JSON Schema as a dict."
        )
    from appkit.structured.python_types import of_python_type

    return of_python_type(output)
