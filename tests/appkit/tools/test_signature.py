"""A model is shown a function as its author wrote it, and calls it with what its annotations allow."""

import dataclasses
import datetime
import enum
import functools
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import llguidance
import pytest
from pydantic import AfterValidator, BaseModel, Field, NaiveDatetime

from appkit.structured.retry import Retry
from appkit.tools import ToolContext, tool
from runtime.grammar.base import Constraint
from runtime.grammar.source import grammar_of


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Item:
    title: str
    count: int = 1


class Basket(BaseModel):
    items: list[Item]
    format: str = "plain"


class Options(TypedDict):
    depth: int
    name: NotRequired[str]


def google(city: str, days: int = 3) -> None:
    """The forecast
    for a city.

    Longer words that are not shown.

    Args:
        city: name in English,
            or in Chinese: 北京.

            Still the city.
        days (int, optional): how many.
        unknown: no parameter.

    Returns:
        days: not this.
    """


def rest(city: str, days: int = 3) -> None:
    """The forecast for a city.

    :param city: name in English,
        or in Chinese: 北京.
    :param int days: how many.
    :returns: nothing.
    """


def test_the_description_is_the_first_paragraph_on_one_line() -> None:
    assert tool(google).spec.description == "The forecast for a city."
    assert tool(rest).spec.description == "The forecast for a city."


def test_parameters_are_described_by_the_docstring_in_either_style() -> None:
    properties = tool(google).spec.parameters["properties"]
    assert properties["city"] == {
        "description": "name in English, or in Chinese: 北京. Still the city.",
        "type": "string",
    }
    assert properties["days"] == {"default": 3, "description": "how many.", "type": "integer"}
    properties = tool(rest).spec.parameters["properties"]
    assert properties["city"]["description"] == "name in English, or in Chinese: 北京."
    assert properties["days"]["description"] == "how many."


def test_the_schema_is_closed_and_asks_for_what_has_no_default() -> None:
    schema = tool(google).spec.parameters
    assert (schema["type"], schema["required"], schema["additionalProperties"]) == ("object", ["city"], False)


def test_a_function_without_docstring_or_parameters_has_a_schema_too() -> None:
    def ping() -> str:
        return "pong"

    assert tool(ping).spec.description == ""
    assert tool(ping).spec.parameters == {"additionalProperties": False, "properties": {}, "type": "object"}
    assert tool(ping).run({}).text == "pong"


def test_a_docstring_of_arguments_alone_is_no_description() -> None:
    def ping(x: int) -> None:
        """
        Args:
            x: a number.
        """

    assert tool(ping).spec.description == ""
    assert tool(ping).spec.parameters["properties"]["x"]["description"] == "a number."


def test_the_context_is_filled_in_and_not_shown() -> None:
    def look(context: ToolContext, place: str) -> bool:
        return context.is_cancelled

    assert list(tool(look).spec.parameters["properties"]) == ["place"]
    assert tool(look).run({"place": "here"}).text == "false"
    assert "no argument 'context'" in tool(look).run({"place": "x", "context": None}).text


@pytest.mark.parametrize("name", ["schema", "copy", "json", "model_config", "_hidden", "self_", "validate", "title"])
def test_parameters_may_have_any_name(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def echo({name}: str) -> str: return {name}", namespace)
    assert tool(namespace["echo"]).run({name: "kept"}).text == "kept"


TYPES: list[tuple[str, Any, Any, Any]] = [  # what the model writes, and what the function gets
    ("int", int, 3, 3),
    ("optional", int | None, None, None),
    ("literal", Literal["a", "b"], "b", "b"),
    ("enum", Colour, "red", Colour.RED),
    ("dataclass", Item, {"title": "x"}, Item("x", 1)),
    ("model", Basket, {"items": [{"title": "x", "count": 2}]}, Basket(items=[Item("x", 2)])),
    ("list", list[int], [1, 2], [1, 2]),
    ("set", set[str], ["a", "a"], {"a"}),
    ("tuple", tuple[int, str], [1, "a"], (1, "a")),
    ("dict", dict[str, float], {"a": 1.5}, {"a": 1.5}),
    ("date", datetime.date, "2024-02-29", datetime.date(2024, 2, 29)),
    ("uuid", uuid.UUID, "12345678123456781234567812345678", uuid.UUID("12345678123456781234567812345678")),
    ("path", Path, "a/b", Path("a/b")),
    ("bytes", bytes, "ab", b"ab"),
    ("bounded", Annotated[int, Field(ge=1, le=5)], 5, 5),
    ("any", Any, {"a": [None]}, {"a": [None]}),
    ("naive", NaiveDatetime, "2024-02-29T12:00:00", datetime.datetime(2024, 2, 29, 12)),
    ("decimal", Decimal, "12.50", Decimal("12.50")),
    ("duration", datetime.timedelta, "PT1H30M", datetime.timedelta(hours=1.5)),
    ("numbered", dict[int, str], {"7": "a"}, {7: "a"}),
    ("typed dict", Options, {"depth": 2}, {"depth": 2}),
    ("checked", Annotated[str, AfterValidator(str.upper)], "abc", "ABC"),
    ("look-ahead", Annotated[str, Field(json_schema_extra={"pattern": "^(?=a)a+$"})], "aa", "aa"),
]
IDS = [row[0] for row in TYPES]


def takes(annotation: Any) -> Any:
    def echo(value: Any) -> Any:
        return [value]

    echo.__annotations__["value"] = annotation
    return tool(echo)


@pytest.mark.parametrize(("annotation", "given", "got"), [row[1:] for row in TYPES], ids=IDS)
def test_arguments_become_the_types_of_the_annotations(annotation: Any, given: Any, got: Any) -> None:
    assert takes(annotation).run({"value": given}).value == [got]


@pytest.mark.parametrize(("annotation", "given"), [(row[1], row[2]) for row in TYPES], ids=IDS)
def test_a_grammar_holds_the_schema_and_takes_such_arguments(annotation: Any, given: Any) -> None:
    if annotation is uuid.UUID:
        given = str(uuid.UUID(given))
    schema = takes(annotation).spec.parameters
    matcher = llguidance.LLMatcher(
        llguidance.LLTokenizer("byte"), grammar_of(Constraint("json_schema", json.dumps(schema)))
    )
    assert not matcher.get_error()
    text = json.dumps({"value": given}, separators=(",", ":")).encode()
    assert matcher.validate_tokens(list(text)) == len(text)


@pytest.mark.parametrize(
    ("annotation", "given", "told"),
    [
        (int, 1.5, "Argument 'value' is 1.5: Input should be a valid integer"),
        (Colour, "green", "Argument 'value' is \"green\": Input should be 'red' or 'blue'."),
        (Annotated[int, Field(ge=1, le=5)], 9, "Argument 'value' is 9: Input should be less than or equal to 5."),
        (Basket, {"items": [{"title": 1}]}, "Argument 'value.items[0].title' is 1: Input should be a valid string."),
        (list[int], "x" * 1000, "Argument 'value' is \"xxx"),
    ],
)
def test_a_wrong_argument_is_named_with_its_place_value_and_what_is_expected(
    annotation: Any, given: Any, told: str
) -> None:
    assert takes(annotation).run({"value": given}).text.startswith(told)


def test_the_schema_stays_short_where_a_format_says_it() -> None:
    properties = takes(datetime.date).spec.parameters["properties"]
    assert properties["value"] == {"type": "string", "format": "date"}


def test_a_validator_may_ask_for_another_try_in_its_own_words() -> None:
    def check(value: str) -> str:
        raise Retry("There is no room 9; there are 1 to 4.")

    result = takes(Annotated[str, AfterValidator(check)]).run({"value": "9"})
    assert (result.text, result.is_error) == ("There is no room 9; there are 1 to 4.", True)


def test_a_property_may_be_called_like_a_keyword() -> None:
    schema = takes(Basket).spec.parameters["$defs"]
    assert set(schema["Basket"]["properties"]) == {"items", "format"}
    assert set(schema["Item"]["properties"]) == {"title", "count"}


class Holder:
    def method(self, x: int) -> int:
        return x


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: x, "no annotation"),
        (Holder.method, r"no annotation, and so no schema: decorate the bound method"),
        (eval("lambda *values: 1"), r"takes \*values"),
        (eval("lambda **values: 1"), r"takes \*\*values"),
        (eval("lambda x, /: 1"), "by position only"),
    ],
    ids=["unannotated", "method", "args", "kwargs", "positional"],
)
def test_a_parameter_that_cannot_be_given_by_name_is_refused(function: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        tool(function, name="given")


def test_types_that_json_cannot_hold_are_refused_when_the_tool_is_made() -> None:
    def call(function: Any) -> None: ...

    call.__annotations__["function"] = functools.partial[int]
    with pytest.raises(TypeError, match=r"parameters of call\(\) cannot be a JSON Schema"):
        tool(call)


def test_an_annotation_that_cannot_be_resolved_is_refused() -> None:
    def call(x: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TypeError, match=r"annotation of call\(\) cannot be resolved"):
        tool(call)


def test_a_field_as_default_is_refused_with_the_way_to_write_it() -> None:
    def call(x: int = Field(5)) -> None: ...

    with pytest.raises(TypeError, match=r"is a Field, .* write x: Annotated\["):
        tool(call)


def test_two_contexts_are_refused() -> None:
    def call(a: ToolContext, b: ToolContext) -> None: ...

    with pytest.raises(TypeError, match="2 parameters of type ToolContext"):
        tool(call)


def test_a_partial_is_a_tool_of_what_is_left() -> None:
    def power(base: int, exponent: int) -> int:
        return int(base**exponent)

    square = tool(functools.partial(power, exponent=2))
    assert square.name == "power"
    assert list(square.spec.parameters["properties"]) == ["base"]
    assert square.run({"base": 7}).text == "49"
    assert square.run({"base": 7, "exponent": 9}).text == "There is no argument 'exponent'; there is: base."
