"""Every supported type: what it prints, its mask allows and it reads back; what its mask allows, it reads."""

import dataclasses
import json
import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, Optional, TypedDict, Union
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import UUID4, AwareDatetime, BaseModel, Field, TypeAdapter

from appkit import GenerationSettings, LanguageModel, Message, open_model
from appkit.structured import output_type
from tests.appkit.structured.masked_text import matches, random_text
from tests.helpers.real_models import real_model


class Colour(Enum):
    RED = "red"
    BLUE = "deep blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Person(BaseModel):
    name: str
    age: Annotated[int, Field(ge=0, le=150)]
    tags: list[str] = []
    born: date | None = None


@dataclasses.dataclass
class Point:
    x: float
    y: float
    label: str = ""


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Pair(NamedTuple):
    left: int
    right: str


class Tree(BaseModel):
    value: int
    children: "list[Tree]" = []


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    lives: int


# JSON writes \x7f as it is, which the mask leaves out with the other control characters.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=8)
WHOLE = st.integers(-(10**6), 10**6)
FLAGS = st.lists(st.booleans(), min_size=1, max_size=2)
PEOPLE = st.builds(
    Person, name=TEXT, age=st.integers(0, 150), tags=st.lists(TEXT, max_size=2), born=st.none() | st.dates()
)
MOVIES = st.tuples(TEXT, WHOLE).map(lambda pair: {"title": pair[0], "year": pair[1]}) | TEXT.map(lambda t: {"title": t})
REAL = st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-9)
OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
SPANS = st.timedeltas(timedelta(days=-9_000), timedelta(days=9_000))
DATETIMES = st.datetimes(timezones=st.none() | OFFSETS)

TYPES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "int": (int, st.integers(-(10**30), 10**30)),
    "float": (float, st.floats(allow_nan=False, allow_infinity=False)),
    "bool": (bool, st.booleans()),
    "date": (date, st.dates()),
    "datetime": (datetime, DATETIMES),
    "aware": (AwareDatetime, st.datetimes(timezones=OFFSETS)),
    "time": (time, st.times(timezones=st.none() | OFFSETS)),
    "timedelta": (timedelta, SPANS),
    "uuid": (UUID, st.uuids()),
    "uuid4": (UUID4, st.uuids(version=4)),
    "decimal": (Decimal, st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9)),
    "money": (
        Annotated[Decimal, Field(ge=0, max_digits=6, decimal_places=2)],
        st.decimals(0, 9999, places=2),
    ),
    "literal": (Literal["yes", "no"], st.sampled_from(["yes", "no"])),
    "mixed literal": (Literal["a", 1, None], st.sampled_from(["a", 1, None])),
    "enum": (Colour, st.sampled_from(Colour)),
    "int enum": (Level, st.sampled_from(Level)),
    "none": (type(None), st.none()),
    "optional": (int | None, st.none() | WHOLE),
    "union": (int | str | None, st.none() | WHOLE | TEXT),
    "list": (list[str], st.lists(TEXT, max_size=3)),
    "bounded list": (Annotated[list[bool], Field(min_length=1, max_length=2)], FLAGS),
    "set": (set[int], st.sets(WHOLE, max_size=3)),
    "frozenset": (frozenset[Colour], st.frozensets(st.sampled_from(Colour))),
    "tuple": (tuple[int, str], st.tuples(WHOLE, TEXT)),
    "many": (tuple[int, ...], st.lists(WHOLE, max_size=3).map(tuple)),
    "dict": (dict[str, float], st.dictionaries(TEXT, REAL, max_size=3)),
    "int keys": (dict[int, str], st.dictionaries(WHOLE, TEXT, max_size=3)),
    "date keys": (dict[date, int], st.dictionaries(st.dates(), WHOLE, max_size=2)),
    "any": (dict[str, Any], st.dictionaries(TEXT, WHOLE | TEXT | st.none(), max_size=2)),
    "model": (Person, PEOPLE),
    "dataclass": (Point, st.builds(Point, x=REAL, y=REAL, label=TEXT)),
    "typed dict": (Movie, MOVIES),
    "named tuple": (Pair, st.builds(Pair, WHOLE, TEXT)),
    "tree": (
        Tree,
        st.recursive(
            st.builds(Tree, value=WHOLE),
            lambda inner: st.builds(Tree, value=WHOLE, children=st.lists(inner, max_size=2)),
            max_leaves=4,
        ),
    ),
    "tagged": (
        Annotated[Cat | Dog, Field(discriminator="kind")],
        st.builds(Cat, kind=st.just("cat"), lives=WHOLE) | st.builds(Dog, kind=st.just("dog"), lives=WHOLE),
    ),
    "list of models": (list[Movie], st.lists(MOVIES, max_size=2)),
}  # fmt: skip
MAY_BE_HUGE = {"float", "dataclass", "dict", "any"}  # a random exponent soon has three digits
IS_BARE = {"date", "datetime", "aware", "time", "timedelta", "uuid", "uuid4", "decimal", "money", "literal", "enum"}


def printed(name: str, value: Any) -> str:
    """How the type itself writes `value`."""
    text = TypeAdapter(_readable(TYPES[name][0])).dump_json(value).decode()
    return str(json.loads(text)) if name in IS_BARE else text


def _readable(annotation: Any) -> Any:
    from appkit.structured.typed_dicts import readable

    return readable(annotation)


@pytest.mark.parametrize("name", TYPES)
def test_what_a_type_prints_its_mask_allows_and_it_reads_back(name: str) -> None:
    annotation, values = TYPES[name]
    found = output_type(annotation)
    assert found.constraint is not None

    @settings(max_examples=15, deadline=None, derandomize=True, database=None)
    @given(values)
    def round_trip(value: Any) -> None:
        text = printed(name, value)
        assert found.parse(text) == value
        assert matches(found.constraint, text), text  # type: ignore[arg-type]

    round_trip()


@pytest.mark.parametrize("name", TYPES)
def test_what_the_mask_allows_the_type_reads_or_says_why_not(name: str) -> None:
    found = output_type(TYPES[name][0])
    assert found.constraint is not None
    num_read = 0
    for seed in range(8):
        text = random_text(found.constraint, seed)
        try:
            _assert_finite(found.parse(text))
        except ValueError as error:
            assert str(error).endswith("."), error
        else:
            num_read += 1
    assert num_read >= (1 if name in MAY_BE_HUGE else 7)


def _assert_finite(value: Any) -> None:
    if isinstance(value, float):
        assert math.isfinite(value)


LEAVES: list[Any] = [int, float, bool, str, None, date, Colour, Level, UUID, Person, Movie, Literal["a", 1], Decimal]


@st.composite
def annotations(draw: st.DrawFn, depth: int = 2) -> Any:
    """A random type: containers and unions of the types above."""
    inner = annotations(depth - 1) if depth else st.sampled_from(LEAVES)
    kind = draw(st.sampled_from(["leaf", "list", "set", "tuple", "dict", "union"]))
    if kind == "leaf" or not depth:
        return draw(st.sampled_from(LEAVES))
    if kind == "list":
        return list[draw(inner)]  # type: ignore[misc]
    if kind == "set":
        return set[draw(st.sampled_from([int, str, Colour, date]))]  # type: ignore[misc]
    if kind == "tuple":
        return tuple[draw(inner), draw(inner)]  # type: ignore[misc]
    if kind == "dict":
        return dict[draw(st.sampled_from([str, int, Colour, Level])), draw(inner)]  # type: ignore[misc]
    first, second = draw(inner), draw(inner)
    return Optional[first] if first is second else Union[first, second]  # noqa: UP007, UP045 (made of values)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(annotations(), st.text(max_size=20), st.integers(0, 100))
def test_any_type_reads_any_text_or_says_why_not(annotation: Any, garbage: str, seed: int) -> None:
    found = output_type(annotation)
    written = "" if found.constraint is None else random_text(found.constraint, seed)
    for text in (garbage, written, f"```json\n{written}\n```"):
        try:
            found.parse(text)
        except ValueError as error:
            assert str(error)


@pytest.fixture(scope="module")
def model() -> Iterator[LanguageModel]:
    with open_model(str(real_model("smollm2-135m"))) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TYPES.keys() - MAY_BE_HUGE))
def test_a_real_model_drawing_wildly_writes_what_can_be_read(name: str, model: LanguageModel) -> None:
    found = output_type(TYPES[name][0])
    for seed in range(5):
        wild = GenerationSettings(temperature=1.5, seed=seed, max_tokens=48)
        completion = model.chat([Message(role="user", content="Well?")], wild, constraint=found.constraint)
        found.parse(completion.text)
