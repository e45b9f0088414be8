"""runtime/loaders/safetensors.py: equal to the library on sound files, stricter on the others."""

import io
import json
import pickle
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import CorruptFileError, LoadError, UnsupportedModelError
from runtime.loaders.safetensors import parse_safetensors, read_safetensors

PATH = Path("w.safetensors")


def parse(content: bytes):
    return parse_safetensors(memoryview(content), PATH)


def packed(header: str | bytes | dict, data: bytes = b"") -> bytes:
    text = json.dumps(header) if isinstance(header, dict) else header
    content = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(content)) + content + data


def entry(dtype: object = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def small_file() -> bytes:
    header = {"__metadata__": {"format": "pt"}, "a": entry(), "b": entry("BF16", (1, 2), (8, 12))}
    return packed(header, struct.pack("<2f", 1.5, -2) + b"\x80\x3f\x00\xc0")


@pytest.fixture
def small_path(tmp_path) -> Path:
    path = tmp_path / "small.safetensors"
    path.write_bytes(small_file())
    return path


def test_reads_arrays_lazily_and_notes(small_path):
    with read_safetensors(small_path) as file:
        assert (list(file), len(file), "a" in file, "c" in file) == (["a", "b"], 2, True, False)
        assert file.metadata == {"format": "pt"}
        assert file["a"].tolist() == [1.5, -2]
        assert not file["a"].flags.writeable


def test_bf16_becomes_float32(small_path):
    with read_safetensors(small_path) as file:
        assert (file["b"].tolist(), file["b"].dtype) == ([[1, -2]], np.float32)
        assert file.tensors["b"].dtype == "BF16"


def test_arrays_outlive_close_and_a_closed_file_says_so(small_path):
    file = read_safetensors(small_path)
    array = file["a"]
    file.close()
    assert array.tolist() == [1.5, -2]
    with pytest.raises(ValueError, match="has been closed"):
        file["a"]


def test_a_missing_name_is_a_key_error(small_path):
    with read_safetensors(small_path) as file, pytest.raises(KeyError):
        file["c"]


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(LoadError, match="There is no file"):
        read_safetensors(tmp_path / "none.safetensors")


def test_a_file_that_was_shortened_is_an_error_not_a_crash(small_path):
    with read_safetensors(small_path) as file:
        with small_path.open("r+b") as other:
            other.truncate(20)
        with pytest.raises(CorruptFileError, match="has been shortened to 20 bytes while in use, and a is no longer"):
            file["a"]


@pytest.mark.parametrize(
    "dtype",
    ["bool", "uint8", "int8", "uint16", "int16", "float16", "uint32", "int32", "float32", "uint64", "int64", "float64"],
)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4)])
def test_agrees_with_the_library(tmp_path, rng, dtype, shape):
    library = pytest.importorskip("safetensors.numpy")
    array = rng.integers(0, 2, shape).astype(dtype)
    library.save_file({"first": np.zeros(3, np.int8), "t": array}, tmp_path / "a.safetensors")
    with read_safetensors(tmp_path / "a.safetensors") as file:
        assert (file["t"].dtype, file["t"].shape) == (array.dtype, array.shape)
        assert np.array_equal(file["t"], array)


CORRUPT = {
    "empty": (b"", "is empty; pull it again"),
    "length cut off": (b"\x10\0\0\0", "is cut off or damaged"),
    "length only": (struct.pack("<Q", 64), "its header ends at least 64 bytes after the end of the file"),
    "header cut off": (small_file()[:40], "is cut off or damaged: its header ends"),
    "data cut off": (small_file()[:-3], "and lacks 3; pull it again"),
    "header of 100 MB and one": (struct.pack("<Q", 100_000_001) + b"{}", "claims 100000001 bytes; at most 100000000"),
    "length of 2^64 - 1": (struct.pack("<Q", 2**64 - 1) + b"{}", "claims 18446744073709551615 bytes"),
    "header not JSON": (packed("{nonsense"), "the header is not valid JSON"),
    "header not UTF-8": (packed(b'{"\xff": 1}'), "the header is not valid JSON"),
    "header a list": (packed("[]"), "is not a safetensors file; it looks like"),
    "header with NaN": (packed('{"a": NaN}'), "NaN is no JSON value"),
    "header nested deeply": (packed('{"a":' + "[" * 100_000), "nested too deeply"),
    "number of 5000 digits": (packed('{"a":' + "9" * 5000 + "}"), "the header is not valid JSON"),
    "name twice": (packed('{"a": 1, "a": 2}'), "'a' is there twice"),
    "field twice": (packed('{"a": {"dtype": "F32", "dtype": "F16"}}'), "'dtype' is there twice"),
    "notes not a table": (packed({"__metadata__": 3}), "__metadata__ is not a table of texts"),
    "notes not texts": (packed({"__metadata__": {"a": 1}}), "__metadata__ is not a table of texts"),
    "entry not a table": (packed({"a": 1}), "the entry of 'a' is not made of dtype, shape and data_offsets"),
    "field missing": (packed({"a": {"dtype": "F32", "shape": []}}), "the entry of 'a' is not made of"),
    "field too many": (packed({"a": {**entry(), "x": 1}}, bytes(8)), "the entry of 'a' is not made of"),
    "dtype not a text": (packed({"a": entry(5)}, bytes(8)), "the dtype of 'a' is not a text"),
    "shape not a list": (packed({"a": entry(shape=2)}, bytes(8)), "the shape of 'a' is not a list"),
    "shape negative": (packed({"a": entry(shape=(-2,))}, bytes(8)), "the shape of 'a' is not a list"),
    "shape of truth": (packed({"a": entry(shape=(True, 2))}, bytes(8)), "the shape of 'a' is not a list"),
    "shape of floats": (packed({"a": entry(shape=(2.0,))}, bytes(8)), "the shape of 'a' is not a list"),
    "shape beyond 2^63": (packed({"a": entry(shape=(2**63,))}, bytes(8)), "the shape of 'a' is not a list"),
    "17 dimensions": (packed({"a": entry(shape=(1,) * 17)}, bytes(8)), "the shape of 'a' is not a list of up to 16"),
    "shape that wraps": (packed({"a": entry(shape=(2**62, 2**3))}, bytes(8)), "takes 147573952589676412928"),
    "shape too large": (packed({"a": entry(shape=(3,))}, bytes(8)), "'a' has 8 bytes, but F32 of shape [3] takes 12"),
    "offsets reversed": (
        packed({"a": entry(offsets=(8, 0))}, bytes(8)),
        "data_offsets of 'a' are not a start and an end",
    ),
    "offsets three": (packed({"a": entry(offsets=(0, 8, 8))}, bytes(8)), "data_offsets of 'a' are not"),
    "gap": (packed({"a": entry(offsets=(4, 12))}, bytes(12)), "'a' leaves a gap before it"),
    "overlap": (packed({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)), "'b' overlaps the tensor before it"),
    "same place": (packed({"a": entry(), "b": entry()}, bytes(8)), "'b' overlaps the tensor before it"),
    "trailing bytes": (packed({"a": entry()}, bytes(9)), "1 bytes follow that belong to no tensor"),
    "no tensors but bytes": (packed({}, bytes(5)), "5 bytes follow that belong to no tensor"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_file_that_lies_is_told_so_in_one_sentence(name):
    content, words = CORRUPT[name]
    with pytest.raises(CorruptFileError, match=re.escape(words)) as caught:
        parse(content)
    assert str(caught.value).startswith("w.safetensors ")
    assert str(caught.value).endswith(".")
    assert caught.value.offset_bytes is not None


def test_other_types_are_named_with_the_way_out():
    with pytest.raises(
        UnsupportedModelError, match=r"'a' in .* is stored as 'F8_E4M3'; this build reads BOOL.* such as BF16"
    ):
        parse(packed({"a": entry("F8_E4M3", (8,), (0, 8))}, bytes(8)))


class _Canary:
    """Unpickling it would write a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("zipped", [False, True])
def test_pickles_are_named_and_never_opened(tmp_path, protocol, zipped):
    content = pickle.dumps(_Canary(str(tmp_path / "canary")), protocol)
    if zipped:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", content)
        content = buffer.getvalue()
    path = tmp_path / "renamed.safetensors"
    path.write_bytes(content)
    with pytest.raises(CorruptFileError, match="those can run code and are never read"):
        read_safetensors(path)
    assert not (tmp_path / "canary").exists()


def test_truncation_at_every_byte_is_a_corrupt_file():
    content = small_file()
    for size in range(len(content)):
        with pytest.raises(CorruptFileError):
            parse(content[:size])


def test_any_flipped_bit_is_a_load_error_or_a_table_inside_the_file():
    content = bytearray(small_file())
    outcomes = []
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        outcomes.append(is_accepted(bytes(content)))
        content[bit // 8] ^= 1 << bit % 8
    assert 0 < sum(outcomes) < len(outcomes)


def is_accepted(content: bytes) -> bool:
    try:
        _, tensors = parse(content)
    except LoadError:
        return False
    assert all(8 <= tensor.offset <= tensor.offset + tensor.num_bytes <= len(content) for tensor in tensors.values())
    return True


MUTATIONS = st.lists(st.tuples(st.integers(0, len(small_file()) - 1), st.integers(0, 255)), min_size=1, max_size=3)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations=MUTATIONS)
def test_what_we_accept_the_library_accepts(mutations):
    library = pytest.importorskip("safetensors")
    content = bytearray(small_file())
    for position, value in mutations:
        content[position] = value
    if is_accepted(bytes(content)):
        library.deserialize(bytes(content))


def test_a_header_of_many_parts_is_refused_before_it_is_parsed():
    content = packed('{"a":[' + "0," * 2_000_001 + "0]}")
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError, match="more parts than 100000 tensors need"):
            parse(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(content)


def test_too_many_tensors_are_refused():
    header = {f"{i:x}": entry(shape=(0,), offsets=(0, 0)) for i in range(100_001)}
    with pytest.raises(CorruptFileError, match="it claims 100001 tensors; at most 100000 are read"):
        parse(packed(header))
