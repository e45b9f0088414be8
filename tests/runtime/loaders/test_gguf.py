"""runtime/loaders/gguf.py: what a sound file gives, and how its memory behaves."""

import gc
import os
from pathlib import Path

import numpy as np
import pytest

from runtime.errors import CorruptFileError, LoadError
from runtime.loaders.gguf import GGUFFile, StringArray, TensorInfo
from runtime.quant import quantize
from tests.helpers import gguf_bytes as g


@pytest.fixture
def small_path(tmp_path) -> Path:
    path = tmp_path / "small.gguf"
    path.write_bytes(g.small_file())
    return path


@pytest.fixture
def small(small_path):
    with GGUFFile.open(small_path) as file:
        yield file


def test_scalars_become_python_values(small):
    expected = {
        "general.architecture": "llama",
        "a.uint8": 7,
        "a.int8": -7,
        "a.uint16": 60000,
        "a.int16": -30000,
        "a.uint32": 4_000_000_000,
        "a.int32": -2_000_000_000,
        "a.float32": 0.5,
        "a.bool": True,
        "a.uint64": 2**63,
        "a.int64": -(2**62),
        "a.float64": 0.1,
    }
    read = {key: small.metadata[key] for key in expected}
    assert read == expected
    assert [type(read[key]) for key in expected] == [type(value) for value in expected.values()]


def test_number_arrays_are_views_of_their_own_type(small):
    ints, bools, nothing = (small.metadata[key] for key in ("a.ints", "a.bools", "a.nothing"))
    assert (ints.tolist(), ints.dtype) == ([1, -2, 3], np.dtype("<i4"))
    assert (bools.tolist(), bools.dtype) == ([False, True], np.dtype(bool))
    assert (nothing.tolist(), nothing.dtype) == ([], np.dtype("<f4"))
    assert not ints.flags.writeable


def test_string_arrays_are_lazy_sequences(small):
    tokens = small.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, StringArray)
    assert (len(tokens), tokens[0], tokens[2], tokens[-2], tokens[:2]) == (4, "a", "你好", "你好", ["a", ""])
    with pytest.raises(IndexError):
        tokens[4]


def test_strings_that_are_half_a_character_are_bytes(small):
    tokens = small.metadata["tokenizer.ggml.tokens"]
    assert tokens.bytes_at(3) == tokens.bytes_at(-1) == b"\xe4\xbd"
    assert tokens.all_bytes() == [b"a", b"", "你好".encode(), b"\xe4\xbd"]
    with pytest.raises(UnicodeDecodeError):
        tokens[3]


def test_value_types_tell_how_values_are_stored(small):
    assert small.value_types["a.uint16"] == "uint16"
    assert small.value_types["a.ints"] == "int32"
    assert small.value_types["tokenizer.ggml.tokens"] == "string"


def test_tensors_have_numpy_shapes_and_places(small):
    start = len(g.small_file()) - 138
    assert list(small.tensors.values()) == [
        TensorInfo("plain", "F32", (2, 3), start, 24),
        TensorInfo("blocks", "Q8_0", (2, 32), start + 32, 68),
        TensorInfo("halves", "F16", (5,), start + 128, 10),
    ]


def test_data_is_a_read_only_view_a_row_at_a_time(small):
    assert small.data("blocks").shape == (2, 34)
    assert small.data("halves").shape == (10,)
    assert small.data("plain").dtype == np.uint8
    assert not small.data("plain").flags.writeable


def test_array_dequantises(small):
    assert small.array("plain").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert small.array("blocks").tolist() == [[i * 0.25 for i in range(32)]] * 2
    assert small.array("halves").tolist() == [0, 1, 2, 3, 4]


def test_a_missing_tensor_is_a_key_error(small):
    with pytest.raises(KeyError, match="no_such"):
        small.data("no_such")


def test_a_file_without_tensors_opens(tmp_path):
    path = tmp_path / "vocabulary.gguf"
    path.write_bytes(g.gguf([g.entry("general.architecture", g.STRING, g.string("llama"))])[:-5])  # padding is optional
    with GGUFFile.open(path) as file:
        assert file.tensors == {}
        assert file.metadata["general.architecture"] == "llama"


def test_version_2_reads_as_version_3(tmp_path):
    path = tmp_path / "two.gguf"
    path.write_bytes(g.small_file().replace(b"GGUF\x03", b"GGUF\x02"))
    with GGUFFile.open(path) as file:
        assert file.version == 2
        assert len(file.tensors) == 3


def test_alignment_moves_the_tensors(tmp_path):
    path = tmp_path / "aligned.gguf"
    entries = [g.entry("general.alignment", g.UINT32, g.u32(4096))]
    path.write_bytes(g.gguf(entries, [g.tensor("t", [2])], b"\x00\x00\x80\x3f" * 2, alignment=4096))
    with GGUFFile.open(path) as file:
        assert file.tensors["t"].offset == 4096
        assert file.array("t").tolist() == [1, 1]


def test_tensors_may_come_in_any_order_and_with_gaps(tmp_path):
    path = tmp_path / "gaps.gguf"
    tensors = [g.tensor("second", [2], offset=96), g.tensor("first", [2], offset=0)]
    path.write_bytes(g.gguf([], tensors, bytes(96) + b"\x00\x00\x80\x3f" * 2 + b"what follows"))
    with GGUFFile.open(path) as file:
        assert file.array("second").tolist() == [1, 1]
        assert list(file.tensors) == ["second", "first"]


def test_typed_access_gives_values_and_defaults(small):
    assert small.get_int("a.int16") == -30000
    assert small.get_float("a.float32") == 0.5
    assert small.get_float("a.uint8") == 7.0
    assert small.get_str("general.architecture") == "llama"
    assert small.get_bool("a.bool") is True
    assert len(small.get_strings("tokenizer.ggml.tokens")) == 4
    assert small.get_array("a.ints").tolist() == [1, -2, 3]
    assert (small.get_int("none", 5), small.get_str("none", ""), small.get_bool("none", False)) == (5, "", False)


def test_typed_access_names_key_and_value_where_the_type_differs(small):
    with pytest.raises(CorruptFileError, match=r"'a.float32' of .*small.gguf is 0.5 \(float32\); it should be a whole"):
        small.get_int("a.float32")
    with pytest.raises(CorruptFileError, match=r"'a\.bool'"):
        small.get_int("a.bool")  # True is not 1 here
    with pytest.raises(CorruptFileError, match=r"'a\.uint8'"):
        small.get_bool("a.uint8")
    with pytest.raises(CorruptFileError, match=r"'a\.ints'"):
        small.get_strings("a.ints")


def test_typed_access_names_a_missing_key(small):
    with pytest.raises(CorruptFileError, match=r"no metadata entry 'llama\.block_count'; it should be a whole number"):
        small.get_int("llama.block_count")


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(LoadError, match=r"There is no file .*none\.gguf; look for a typing mistake, or pull") as caught:
        GGUFFile.open(tmp_path / "none.gguf")
    assert caught.value.path == tmp_path / "none.gguf"


def test_a_folder_is_said_to_be_one(tmp_path):
    with pytest.raises(LoadError, match="is a folder; name the model file in it"):
        GGUFFile.open(tmp_path)


def test_a_name_with_nul_is_a_load_error():
    with pytest.raises(LoadError, match="NUL character"):
        GGUFFile.open("a\0b")


def test_a_forbidden_file_is_a_load_error(small_path, monkeypatch):
    def forbid(*_):  # the superuser may read everything, so file modes would not do
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbid)
    with pytest.raises(LoadError, match="cannot be read: Permission denied"):
        GGUFFile.open(small_path)


def test_everything_handed_out_outlives_close(small_path):
    file = GGUFFile.open(small_path)
    data, tokens, ints = file.data("blocks"), file.metadata["tokenizer.ggml.tokens"], file.metadata["a.ints"]
    file.close()
    file.close()
    gc.collect()
    assert (data[0, 5], tokens[0], ints[1]) == (3, "a", -2)


def test_a_closed_file_says_so(small_path):
    file = GGUFFile.open(small_path)
    file.close()
    for use in (lambda: file.metadata, lambda: file.data("plain"), lambda: file.array("plain")):
        with pytest.raises(ValueError, match=r"small\.gguf has been closed"):
            use()


def test_close_unmaps_where_nothing_was_handed_out(small_path):
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("this system does not list mappings")
    file = GGUFFile.open(small_path)
    assert str(small_path) in maps.read_text()
    file.close()
    gc.collect()
    assert str(small_path) not in maps.read_text()


def test_a_file_that_is_replaced_stays_readable(small, small_path, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"something else")
    os.replace(other, small_path)
    assert small.array("halves").tolist() == [0, 1, 2, 3, 4]


def test_a_file_that_was_shortened_is_an_error_not_a_crash(small, small_path):
    os.truncate(small_path, 100)
    with pytest.raises(CorruptFileError, match="has been shortened to 100 bytes while in use, and plain is no longer"):
        small.data("plain")


def test_all_formats_are_read_from_files(tmp_path, rng):
    weights = rng.standard_normal((2, 256), dtype=np.float32)
    tensors, data = [], b""
    for name, type_id in (("BF16", g.BF16), ("Q4_0", g.Q4_0), ("F16", g.F16)):
        tensors.append(g.tensor(name, [256, 2], type_id, len(data)))
        data += quantize(weights, name).tobytes()
        data += bytes(-len(data) % 32)
    path = tmp_path / "formats.gguf"
    path.write_bytes(g.gguf([], tensors, data))
    with GGUFFile.open(path) as file:
        errors = {name: float(np.abs(file.array(name) - weights).max()) for name in file.tensors}
    assert errors["F16"] < 0.002
    assert errors["BF16"] < 0.02
    assert errors["Q4_0"] < 0.5
