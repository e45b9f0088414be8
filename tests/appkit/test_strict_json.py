"""JSON from outside: what is read can be written again."""

import json

import pytest

from appkit.strict_json import CALL_DECODER, loads


@pytest.mark.parametrize("text", ['{"a": [1, -2.5e300, null, "é", true]}', "1e308", '"1e999"', b"[]"])
def test_what_the_standard_allows_is_read_as_it_is(text: str | bytes) -> None:
    assert loads(text) == json.loads(text)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[-1e400]", "{"])
def test_what_could_not_be_written_again_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)


def test_a_number_too_large_in_a_call_is_left_as_text() -> None:
    arguments, _ = CALL_DECODER.raw_decode('{"x": 1e999, "y": [2.5, -1e400]} and more')
    assert arguments == {"x": "1e999", "y": [2.5, "-1e400"]}
    with pytest.raises(ValueError, match="NaN"):
        CALL_DECODER.raw_decode("[NaN]")
