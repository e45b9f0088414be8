"""runtime/loaders/gguf_writer.py: what is written is what is read, by us and by the gguf package."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.loaders.gguf import GGUFFile
from runtime.loaders.gguf_types import TYPE_NAMES
from runtime.loaders.gguf_writer import TensorData, TypedValue, write_gguf
from runtime.loaders.string_array import StringArray
from runtime.quant import FORMATS, quantize
from tests.helpers import gguf_bytes as g
from tests.helpers.random_blocks import random_blocks


def read_back(path: Path, metadata, tensors=()) -> GGUFFile:
    write_gguf(path, metadata, tensors)
    return GGUFFile.open(path)


def plain(value):
    """A metadata value as Python values, to compare."""
    if isinstance(value, StringArray):
        return value.all_bytes()
    return value.tolist() if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize(
    ("value", "type_name"),
    [
        (True, "bool"),
        (4_000_000_000, "uint32"),
        (0.5, "float32"),
        ("你好", "string"),
        (np.int8(-1), "int8"),
        (np.float64(0.1), "float64"),
        (np.bool_(True), "bool"),
        (np.arange(3, dtype=np.uint16), "uint16"),
        (np.array([True, False]), "bool"),
        ([1, -2], "int32"),
        ((0.5, 2.0), "float32"),
        ([True], "bool"),
        (TypedValue("uint64", 2**64 - 1), "uint64"),
        (TypedValue("int16", [1, -2]), "int16"),
        (TypedValue("uint64", [0, 2**63]), "uint64"),
        (TypedValue("string", []), "string"),
        (TypedValue("float32", 3), "float32"),
        (np.array([np.nan, np.inf], np.float32), "float32"),
    ],
    ids=repr,
)
def test_values_come_back_with_the_type_they_were_given(tmp_path, value, type_name):
    with read_back(tmp_path / "a.gguf", {"k": value}) as file:
        read = plain(file.metadata["k"])
        given = value.value if isinstance(value, TypedValue) else value
        assert file.value_types["k"] == type_name
        assert (
            np.array_equal(read, given, equal_nan=True) if isinstance(given, np.ndarray) else read == type(read)(given)
        )


def test_strings_may_be_bytes_that_are_not_utf8(tmp_path):
    with read_back(tmp_path / "a.gguf", {"k": ["a", b"\xff", ""]}) as file:
        assert file.metadata["k"].all_bytes() == [b"a", b"\xff", b""]


def test_a_string_array_of_one_file_goes_into_another(tmp_path):
    first = read_back(tmp_path / "a.gguf", {"k": ["a", b"\xff", "b"]})
    second = read_back(tmp_path / "b.gguf", {"k": first.metadata["k"]})
    assert second.metadata["k"].all_bytes() == [b"a", b"\xff", b"b"]


def test_a_file_written_from_another_has_its_bytes(tmp_path):
    source = tmp_path / "a.gguf"
    source.write_bytes(g.small_file())
    with GGUFFile.open(source) as file:
        metadata = {key: TypedValue(file.value_types[key], value) for key, value in file.metadata.items()}
        tensors = [TensorData(t.name, t.format, t.shape, file.data(t.name)) for t in file.tensors.values()]
        write_gguf(tmp_path / "b.gguf", metadata, tensors)
    assert (tmp_path / "b.gguf").read_bytes() == g.small_file().ljust(-(-len(g.small_file()) // 32) * 32, b"\0")


@pytest.mark.parametrize("name", FORMATS)
def test_tensors_of_every_format_come_back(tmp_path, name, rng):
    data = random_blocks(rng, name, (2, 3, 256))
    with read_back(tmp_path / "a.gguf", {}, [TensorData("t", name, (2, 3, 256), data)]) as file:
        assert (file.tensors["t"].format, file.tensors["t"].shape) == (name, (2, 3, 256))
        assert np.array_equal(file.data("t"), data)


def test_tensors_start_at_multiples_of_the_alignment(tmp_path):
    tensors = [TensorData(f"t{i}", "F32", (i + 1,), np.zeros(4 * (i + 1), np.uint8)) for i in range(5)]
    for stated in (32, 256, TypedValue("uint32", 1024)):
        with read_back(tmp_path / "a.gguf", {"general.alignment": stated}, iter(tensors)) as file:
            assert file.alignment == file.metadata["general.alignment"]
            assert [tensor.offset % file.alignment for tensor in file.tensors.values()] == [0] * 5
            assert os.path.getsize(tmp_path / "a.gguf") % file.alignment == 0


def test_data_that_is_not_contiguous_is_written_in_order(tmp_path):
    data = np.arange(64, dtype=np.uint8).reshape(8, 8)[:, ::2]
    with read_back(tmp_path / "a.gguf", {}, [TensorData("t", "F32", (8,), data)]) as file:
        assert file.data("t").tolist() == data.reshape(-1).tolist()


def test_the_gguf_package_reads_what_was_written(tmp_path, rng):
    gguf = pytest.importorskip("gguf")
    weights = rng.standard_normal((4, 64), dtype=np.float32)
    tensors = [TensorData("w", "Q8_0", (4, 64), quantize(weights, "Q8_0"))]
    write_gguf(tmp_path / "a.gguf", {"general.architecture": "llama", "n": [1, 2], "s": ["a", "b"]}, tensors)
    reader = gguf.GGUFReader(tmp_path / "a.gguf")
    assert reader.get_field("general.architecture").contents() == "llama"
    assert reader.get_field("n").contents() == [1, 2]
    assert reader.get_field("s").contents() == ["a", "b"]
    [tensor] = reader.tensors
    assert np.array_equal(tensor.data.reshape(-1), quantize(weights, "Q8_0").reshape(-1))


def test_we_read_what_the_gguf_package_writes(tmp_path, rng):
    gguf = pytest.importorskip("gguf")
    writer = gguf.GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_uint32("n", 7)
    writer.add_array("s", ["a", "b"])
    weights = rng.standard_normal((4, 64), dtype=np.float32)
    writer.add_tensor("w", weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with GGUFFile.open(tmp_path / "a.gguf") as file:
        assert (file.get_int("n"), list(file.get_strings("s"))) == (7, ["a", "b"])
        assert np.array_equal(file.array("w"), weights)


NUMBERS = {
    "uint8": st.integers(0, 2**8 - 1),
    "int8": st.integers(-(2**7), 2**7 - 1),
    "uint16": st.integers(0, 2**16 - 1),
    "int16": st.integers(-(2**15), 2**15 - 1),
    "uint32": st.integers(0, 2**32 - 1),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "uint64": st.integers(0, 2**64 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "float32": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
}
TYPED_VALUES = st.sampled_from(sorted(TYPE_NAMES.values())).flatmap(
    lambda name: st.builds(TypedValue, st.just(name), NUMBERS[name] | st.lists(NUMBERS[name], max_size=5))
)
KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter("general.alignment".__ne__)
TENSORS = st.lists(
    st.tuples(st.sampled_from(sorted(FORMATS)), st.lists(st.integers(1, 3), max_size=3), st.integers(1, 2)), max_size=4
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(metadata=st.dictionaries(KEYS, TYPED_VALUES, max_size=8), shapes=TENSORS)
def test_any_metadata_and_tensors_come_back(tmp_path, rng, metadata, shapes):
    tensors = []
    for i, (name, rows, num_blocks) in enumerate(shapes):
        shape = (*rows, num_blocks * FORMATS[name].block_size)
        num_bytes = int(np.prod(rows, dtype=int)) * FORMATS[name].row_bytes(shape[-1])
        tensors.append(TensorData(f"t{i}", name, shape, rng.integers(0, 256, num_bytes, dtype=np.uint8)))
    with read_back(tmp_path / "a.gguf", metadata, tensors) as file:
        assert list(file.metadata) == list(metadata)
        for key, value in metadata.items():
            read = plain(file.metadata[key])
            expected = (
                [s.encode() for s in value.value] if value.type == "string" and read != value.value else value.value
            )
            assert (file.value_types[key], read) == (value.type, expected)
        for tensor in tensors:
            assert file.tensors[tensor.name].shape == tensor.shape
            assert np.array_equal(file.data(tensor.name).reshape(-1), tensor.data)


ZEROS = np.zeros(32, np.uint8)


@pytest.mark.parametrize(
    ("metadata", "tensors", "message"),
    [
        ({"k": -1}, [], r"'k': \[-1\] does not fit uint32; name a type with TypedValue"),
        ({"k": 2**32}, [], r"does not fit uint32"),
        ({"k": 2**70}, [], r"does not fit uint32"),
        ({"k": [2**31]}, [], "does not fit int32"),
        ({"k": TypedValue("int8", 1.5)}, [], r"\[1.5\] does not fit int8"),
        ({"k": TypedValue("bool", 2)}, [], "does not fit bool"),
        ({"k": 1e300}, [], "does not fit float32"),
        ({"k": float("nan")}, [], "'k' is nan; a single number in GGUF metadata must be finite"),
        ({"k": None}, [], "'k': GGUF cannot store a NoneType"),
        ({"k": b"\xff"}, [], "'k' is bytes; a single string in GGUF metadata is text"),
        ({"k": {}}, [], "'k': GGUF cannot store a dict"),
        ({"k": []}, [], "for an empty one say which with TypedValue"),
        ({"k": [1, "a"]}, [], "a list must hold one kind of value"),
        ({"k": [[1], [2]]}, [], "GGUF cannot store a list"),
        ({"k": TypedValue("int32", [[1], [2]])}, [], "does not fit int32"),
        ({"k": np.zeros((2, 2))}, [], r"one dimension, not shape \(2, 2\)"),
        ({"k": np.zeros(2, np.complex64)}, [], "'k': GGUF cannot store complex64"),
        ({"k": TypedValue("u8", 1)}, [], "'u8' is not a GGUF type; there are uint8"),
        ({"k": "x" * (2**20 + 1)}, [], "a string of 1048577 bytes is too long"),
        ({"": 1}, [], "A metadata key needs a name"),
        ({"x" * 70000: 1}, [], "a string of 70000 bytes is too long"),
        ({"general.alignment": 48}, [], "a power of two up to 65536; got 48"),
        ({}, [TensorData("t", "Q9", (8,), ZEROS)], "t: 'Q9' is not a weight format"),
        (
            {},
            [TensorData("t", "F32", (9,), ZEROS)],
            r"F32 weights of shape \(9,\) are 36 bytes of uint8, got 32 of uint8",
        ),
        ({}, [TensorData("t", "F32", (8,), ZEROS.view(np.int8))], "got 32 of int8"),
        ({}, [TensorData("t", "Q8_0", (8,), ZEROS)], "A row of 8 weights cannot be stored as Q8_0"),
        ({}, [TensorData("t", "F32", (), ZEROS)], r"1 to 4 dimensions, not \(\)"),
        ({}, [TensorData("t", "F32", (0, 8), ZEROS)], r"1 to 4 dimensions, not \(0, 8\)"),
        ({}, [TensorData("t" * 65, "F32", (8,), ZEROS)], "a string of 65 bytes is too long"),
        ({}, [TensorData("", "F32", (8,), ZEROS)], "A tensor needs a name"),
        ({}, [TensorData("t", "F32", (8,), ZEROS)] * 2, "Two of the 2 tensors have the same name"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path, metadata, tensors, message):
    with pytest.raises(ValueError, match=message):
        write_gguf(tmp_path / "a.gguf", metadata, tensors)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.gguf"
    write_gguf(path, {"k": 1}, [])
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_gguf(path, {"k": 2}, [])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_arguments_give_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_gguf(tmp_path / name, {"k": ["x", "y"], "n": 1}, [TensorData("t", "F32", (8,), ZEROS)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
