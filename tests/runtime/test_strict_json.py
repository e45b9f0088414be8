"""JSON that every reader reads alike: no constants of JavaScript, no endless numbers, no key twice."""

import pytest

from runtime.strict_json import loads, unique_keys


@pytest.mark.parametrize("text", ["NaN", '{"a": -Infinity}', "[1e999]", "{", ""])
def test_what_the_standard_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        loads(text)


def test_a_key_that_is_there_twice_is_refused_where_asked_for() -> None:
    assert loads('{"a": 1, "a": 2}') == {"a": 2}
    with pytest.raises(ValueError, match="'a' is there twice"):
        loads('{"b": [{"a": 1, "a": 2}]}', object_pairs_hook=unique_keys)
    assert loads('{"a": {"a": 1}}', object_pairs_hook=unique_keys) == {"a": {"a": 1}}
