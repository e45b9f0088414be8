"""What we write is what our reader, and the library that names the format, read."""

import numpy as np
import pytest

from runtime.loaders.safetensors import read_safetensors
from runtime.loaders.safetensors_writer import write_safetensors

ARRAYS = {
    "a.weight": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
    "b": np.array([-1.5], np.float32),
    "empty": np.zeros((0, 4), np.float32),
}


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
def test_values_shapes_and_notes_come_back(dtype, tmp_path):
    write_safetensors(tmp_path / "x", ARRAYS, {"format": "pt"}, dtype)
    with read_safetensors(tmp_path / "x") as file:
        assert file.metadata == {"format": "pt"}
        assert {name: tensor.dtype for name, tensor in file.tensors.items()} == dict.fromkeys(ARRAYS, dtype)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(np.array(file[name], np.float32), array)


def test_the_format_s_own_library_reads_it(tmp_path):
    numpy_files = pytest.importorskip("safetensors.numpy")
    write_safetensors(tmp_path / "x", ARRAYS, {"format": "pt"})
    found = numpy_files.load_file(tmp_path / "x")
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
    assert int.from_bytes((tmp_path / "x").read_bytes()[:8], "little") % 8 == 0


@pytest.mark.parametrize("name", ["", "__metadata__"])
def test_names_that_the_format_takes_are_refused(name, tmp_path):
    with pytest.raises(ValueError, match="cannot be the name of a tensor"):
        write_safetensors(tmp_path / "x", {name: ARRAYS["b"]}, {"format": "pt"})
    assert not list(tmp_path.iterdir())


def test_other_types_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'Q4_0' is not written here; choose from F32, F16, BF16"):
        write_safetensors(tmp_path / "x", ARRAYS, dtype="Q4_0")
