"""`output_type`: what it takes, what it refuses, and how it reads."""

import dataclasses
import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from appkit import Constraint
from appkit.structured import Choice, Regex, Retry, output_type
from tests.appkit.structured.masked_text import matches


class Person(BaseModel):
    name: str
    age: int = Field(description="in years")


@dataclasses.dataclass
class Refund:
    amount: int


@dataclasses.dataclass
class Payment:
    amount: int


class Cat(BaseModel):
    kind: Literal["cat"] = Field()
    name: str


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


def mask(output: Any) -> Constraint:
    constraint = output_type(output).constraint
    assert constraint is not None
    return constraint


def test_members_come_in_the_order_of_the_fields_and_no_others() -> None:
    assert matches(mask(Person), '{"name":"Ann","age":3}')
    assert not matches(mask(Person), '{"age":3,"name":"Ann"}')
    assert not matches(mask(Person), '{"name":"Ann","age":3,"x":1}')


def test_numbers_and_words_are_bare() -> None:
    assert mask(Literal["yes", "no"]) == Constraint("choice", ("yes", "no"))
    assert matches(mask(int), "-12")
    assert matches(mask(date), "2024-02-29")
    assert not matches(mask(date), "2023-02-29")
    assert not matches(mask(date), '"2024-02-29"')
    assert output_type(date).parse(' "2024-02-29"\n') == date(2024, 2, 29), "quotes are no matter"


@pytest.mark.parametrize("text", ["3", "3.0", "3e0"])
def test_a_float_takes_a_whole_number(text: str) -> None:
    found = output_type(float).parse(text)
    assert (found, type(found)) == (3.0, float)
    assert matches(mask(float), text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "[" * 500, '"\\ud800"', "", "3 4", "{}"])
def test_what_is_no_finite_number_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        output_type(float).parse(text)


def test_infinity_does_not_hide_in_a_model() -> None:
    @dataclasses.dataclass
    class Sizes:
        sizes: list[float]

    with pytest.raises(ValueError, match="too large"):
        output_type(Sizes).parse('{"sizes":[1.5,1e999]}')


def test_faults_are_sentences_with_their_place() -> None:
    with pytest.raises(ValueError, match=r"^name is missing\. age is \"x\": Input should be a valid integer.*\.$"):
        output_type(Person).parse('{"age":"x"}')
    with pytest.raises(ValueError, match=r"^\[1\]\.age is missing\.$"):
        output_type(list[Person]).parse('[{"name":"a","age":1},{"name":"b"}]')
    many = ",".join(["0"] * 50)
    with pytest.raises(ValueError, match=r"There are 45 more faults\.$") as caught:
        output_type(list[Person]).parse(f"[{many}]")
    assert len(str(caught.value)) < 1000


def test_a_long_answer_is_refused_before_it_is_read() -> None:
    with pytest.raises(ValueError, match="at most 200,000 are read"):
        output_type(list[int]).parse("[" + "1," * 200_000 + "1]")


def test_objects_that_look_alike_say_which_they_are() -> None:
    found = output_type(Refund | Payment)
    assert found.name == "Refund | Payment"
    assert found.parse('{"Payment":{"amount":3}}') == Payment(3)
    assert matches(mask(Refund | Payment), '{"Refund":{"amount":3}}')
    assert not matches(mask(Refund | Payment), '{"amount":3}')
    assert output_type(Refund | Payment | None).parse("null") is None
    with pytest.raises(ValueError, match="missing"):
        found.parse('{"amount":3}')


def test_objects_that_a_literal_tells_apart_need_no_more() -> None:
    assert matches(mask(Cat | Dog), '{"kind":"dog","name":"Rex"}')
    assert output_type(Cat | Dog).parse('{"kind":"dog","name":"Rex"}') == Dog(kind="dog", name="Rex")


def test_two_types_of_one_name_are_refused() -> None:
    other = dataclasses.make_dataclass("Refund", [("amount", int)])
    with pytest.raises(TypeError, match="'Refund': rename one"):
        output_type(Refund | other)


def test_a_pattern_is_matched_as_a_whole() -> None:
    found = output_type(Regex("[A-Z]{2}|x"))
    assert [found.parse(text) for text in ("AB", " x\n", '"AB"')] == ["AB", "x", "AB"]
    for text in ("ABC", "ab", "xAB", ""):
        with pytest.raises(ValueError, match="does not match"):
            found.parse(text)


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "(?:(?:a{1000}){1000}){1000}"])
def test_a_pattern_that_cannot_be_followed_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="cannot be followed"):
        output_type(Regex(pattern))


def test_choices_are_texts_that_differ() -> None:
    assert output_type(Choice(["left", "right"])).parse("right ") == "right"
    with pytest.raises(ValueError, match=r"none of: left \| right"):
        output_type(Choice(["left", "right"])).parse("up")
    bad: list[tuple[Callable[[], Choice], type[Exception]]] = [
        (lambda: Choice([]), ValueError),
        (lambda: Choice(["a", "a"]), ValueError),
        (lambda: Choice([""]), ValueError),
        (lambda: Choice("ab"), TypeError),
        (lambda: Choice([1]), TypeError),  # type: ignore[list-item]
    ]
    for make, error in bad:
        with pytest.raises(error):
            make()


@pytest.mark.parametrize(
    "output", [None, 3, "Person", [Refund, Payment], (int, str), Person(name="a", age=1), object()]
)
def test_a_value_is_no_type(output: Any) -> None:
    with pytest.raises(TypeError, match=r"which is a value|cannot be asked for"):
        output_type(output)


@pytest.mark.parametrize("output", [range, Callable[[], int], type, list["Nowhere"]])  # type: ignore[name-defined]  # noqa: F821
def test_a_type_without_json_is_refused(output: Any) -> None:
    with pytest.raises(TypeError, match="cannot be"):
        output_type(output)


def test_descriptions_are_shown_and_not_compiled() -> None:
    found = output_type(Person)
    assert found.schema is not None
    assert found.schema["properties"]["age"] == {"type": "integer", "description": "in years"}
    assert "in years" not in str(found.constraint)


def test_what_no_mask_holds_is_checked_when_read() -> None:
    pattern = r"^(?!admin$)\w+$"
    schema = {
        "type": "object",
        "properties": {
            "ids": {"type": "array", "items": {"type": "integer"}, "uniqueItems": True},
            "kind": {"not": {"const": "x"}, "type": "string"},
        },
        "required": ["ids", "kind"],
        "additionalProperties": False,
    }
    found = output_type(schema)
    assert found.parse('{"ids":[1,2],"kind":"y"}') == {"ids": [1, 2], "kind": "y"}
    assert matches(mask(schema), '{"ids":[1,1],"kind":"x"}'), "the mask is wider"
    with pytest.raises(ValueError, match="its items should differ"):
        found.parse('{"ids":[1,1],"kind":"y"}')
    with pytest.raises(ValueError, match="should not be"):
        found.parse('{"ids":[],"kind":"x"}')
    user = Annotated[str, Field(pattern=pattern)]
    with pytest.raises(TypeError, match="look-around"):
        output_type(user)


def test_objects_of_a_schema_are_closed_where_no_others_put_them_together() -> None:
    item = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert not matches(mask({"type": "array", "items": item}), '[{"a":1,"b":2}]')
    assert matches(mask({**item, "additionalProperties": {"type": "integer"}}), '{"a":1,"b":2}')
    both = {"allOf": [item, {"properties": {"b": {"type": "integer"}}}]}
    assert matches(mask(both), '{"a":1,"b":2}')


def test_a_value_can_be_changed_on_the_way() -> None:
    def double(number: int) -> int:
        if number > 10:
            raise Retry("Too much.")
        return number * 2

    found = output_type(int).then(double)
    assert found.parse("4") == 8
    assert found.constraint == output_type(int).constraint
    with pytest.raises(ValueError, match=r"^Too much\.$"):
        found.parse("11")


def test_a_constraint_is_an_output_too() -> None:
    grammar = Constraint("grammar", 'start: "a"+')
    assert output_type(grammar).parse("aa") == "aa"
    assert output_type(Constraint("choice", ("a", "b"))).parse("b") == "b"
    schema = Constraint("json_schema", '{"type":"integer","maximum":3}')
    assert output_type(schema).constraint == schema
    with pytest.raises(ValueError, match="at most 3"):
        output_type(schema).parse("4")
    with pytest.raises(ValueError, match="think="):
        output_type(Constraint("regex", "a", after="</think>"))


def test_an_output_type_is_taken_as_it_is() -> None:
    found = output_type(int)
    assert output_type(found) is found


def test_nothing_heavy_is_imported_for_the_names() -> None:
    import subprocess
    import sys

    code = "import sys, appkit.structured.output, appkit.structured.generate; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert re.fullmatch("False\n", done.stdout)
