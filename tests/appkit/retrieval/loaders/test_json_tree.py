"""JSON becomes lines of path and value."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appkit.retrieval.loaders.errors import UnusableContentError
from appkit.retrieval.loaders.json_tree import MAX_DEPTH, read_json, read_json_lines


def test_every_value_is_a_line_with_its_path() -> None:
    value = {"pump": {"stock": 3, "names": ["P1", {"zh": "水泵"}]}, "ok": True, "none": None, "empty": []}
    content = read_json(json.dumps(value).encode())
    assert content.text == "pump.stock: 3\npump.names[0]: P1\npump.names[1].zh: 水泵\n\nok: true\n"
    assert [(s.title, content.text[s.start : s.end].count("\n")) for s in content.sections] == [("pump", 5)]


def test_the_members_of_a_list_are_sections() -> None:
    content = read_json(b'[{"a": 1}, {"a": 2}]')
    assert content.text.strip() == "[0].a: 1\n\n[1].a: 2"
    assert [s.title for s in content.sections] == ["[0]", "[1]"]


@pytest.mark.parametrize("number", ["1e400", "0.10", "-0", "1" * 6000, "12345678901234567890.5"])
def test_a_number_stays_as_it_is_written(number: str) -> None:
    assert read_json(f'{{"n": {number}}}'.encode()).text == f"n: {number}\n"


def test_every_line_of_json_lines_is_a_section() -> None:
    content = read_json_lines('{"q": "保修"}\n\n"text"\n'.encode())
    assert content.text == "q: 保修\n\ntext\n"
    assert [s.title for s in content.sections] == ["line 1", "line 3"]


@pytest.mark.parametrize(("data", "where"), [(b'{"a": }', "line 1, column 7"), (b"{}\n[1,", "line 2")])
def test_what_is_no_json_says_where(data: bytes, where: str) -> None:
    with pytest.raises(UnusableContentError, match=where):
        (read_json_lines if b"\n" in data else read_json)(data)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_depth_is_bounded(depth: int) -> None:
    with pytest.raises(UnusableContentError, match=str(MAX_DEPTH)):
        read_json(b"[" * depth + b"1" + b"]" * depth)


def test_half_a_surrogate_pair_is_removed_and_counted() -> None:
    content = read_json(rb'{"a": "x\ud83dy"}')
    assert (content.text, content.metadata) == ("a: xy\n", {"removed_invisible": 1})


@given(
    st.recursive(
        st.text(max_size=5) | st.integers() | st.none(),
        lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=4), x, max_size=4),
        max_leaves=10,
    )
)
def test_any_json_is_read(value: object) -> None:
    text = read_json(json.dumps(value).encode()).text
    text.encode()
