"""What a model that is held to a schema is told of it."""

from datetime import date
from typing import Literal

import pytest
from pydantic import BaseModel, Field

from appkit.structured import output_type
from appkit.structured.shape import shape_of


class Item(BaseModel):
    name: str = Field(description="as on the label")
    price: float
    kind: Literal["new", "used"]


class Order(BaseModel):
    items: list[Item]
    day: date | None = None
    parent: "Order | None" = Field(default=None, description="what it replaces")


@pytest.mark.parametrize(
    ("column", "shape"),
    [
        (
            0,
            '{"items": [{"name": text (as on the label), "price": number, "kind": "new" or "used"}, …], '
            '"day": date, as 2025-07-09 or null (may be left out), "parent": … or null (what it replaces; may be left '
            "out)}",
        ),
        (
            1,
            '{"items": [{"name": 文字（as on the label）, "price": 数, "kind": "new" 或 "used"}, …], '
            '"day": 日期，如 2025-07-09 或 null（可省略）, "parent": … 或 null（what it replaces；可省略）}',
        ),
    ],
    ids=["English", "Chinese"],
)
def test_a_schema_is_told_in_a_few_words(column: int, shape: str) -> None:
    schema = output_type(Order).schema
    assert schema is not None
    assert shape_of(schema, column) == shape


@pytest.mark.parametrize(
    ("output", "shape"),
    [
        (int, "whole number"),
        (bool | None, "true or false or null"),
        (tuple[int, str], "[whole number, text]"),
        (dict[str, float], "{text: number, …}"),
        ({"type": ["integer", "null"]}, "whole number or null"),
        ({"const": 3}, "3"),
        ({"$ref": "#/nowhere", "nowhere": {}}, "…"),
        ({}, "JSON"),
    ],
    ids=str,
)
def test_every_kind_of_schema_has_words(output: object, shape: str) -> None:
    schema = output_type(output).schema
    assert schema is not None
    assert shape_of(schema, 0) == shape
