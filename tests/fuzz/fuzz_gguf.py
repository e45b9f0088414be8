"""Feeds damaged GGUF files to the reader: `check` is the target, and says what must hold for any bytes.

The smoke test beside this file runs it in every test run. To look for longer, with coverage as the guide:

    pip install atheris
    python -m tests.fuzz.fuzz_gguf -max_total_time=300 -max_len=65536 -rss_limit_mb=1024 -timeout=5 CORPUS_FOLDER

A folder that does not exist is made, with the seeds in it. What is found becomes a row of test_gguf_parser.py.
"""

import contextlib
import inspect
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runtime.errors import CorruptFileError, UnsupportedModelError
from runtime.loaders import gguf_parser, string_array
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.gguf_parser import parse_gguf
from runtime.loaders.string_array import StringArray
from runtime.quant import FORMATS
from tests.helpers import gguf_bytes as g

PATH = Path("fuzzed.gguf")


def check(content: bytes) -> bool:
    """True if the reader takes `content`.

    Whatever it is, reading ends in CorruptFileError or UnsupportedModelError, or in a table that can be used: every
    value can be read, every tensor lies inside the file and dequantises, and a second reading gives the same.
    """
    try:
        contents = parse_gguf(memoryview(content), PATH)
    except (CorruptFileError, UnsupportedModelError) as error:
        assert str(error).endswith("."), error
        assert "\n" not in str(error), error
        return False
    again = parse_gguf(memoryview(content), PATH)
    assert contents.tensors == again.tensors
    assert contents.value_types == again.value_types
    for value in contents.metadata.values():
        _read(value)
    for tensor in contents.tensors.values():
        assert 0 <= tensor.offset <= tensor.offset + tensor.num_bytes <= len(content)
        assert tensor.num_bytes % FORMATS[tensor.format].row_bytes(tensor.shape[-1]) == 0
    with _as_file(content) as path, GGUFFile.open(path) as file:
        for name in file.tensors:
            assert file.array(name).shape == file.tensors[name].shape
    return True


def _read(value: object) -> None:
    if isinstance(value, StringArray):
        strings = value.all_bytes()
        assert len(strings) == len(value)
        if strings:
            assert value.bytes_at(-1) == strings[-1]
    elif isinstance(value, np.ndarray):
        value.tolist()
    else:
        assert isinstance(value, int | float | str)


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[Path]:
    """A file in memory: the reader maps files, and a disk would be the slow part."""
    descriptor = os.memfd_create("fuzzed")
    try:
        os.write(descriptor, content)
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def seeds() -> list[bytes]:
    """Small sound files and some broken ones, so that a mutation has something to start from."""
    text = g.entry("general.architecture", g.STRING, g.string("llama"))
    tokens = g.array(g.STRING, 300, b"".join(g.string(f"t{i}") for i in range(300)))
    formats = [
        g.gguf([], [g.tensor("t", [stored.block_size, 2], stored.type_id)], bytes(2 * stored.block_bytes))
        for stored in FORMATS.values()
    ]
    return [
        g.small_file(),
        g.gguf(),
        g.gguf([text]),
        g.gguf([text], version=2),
        g.gguf([text, g.entry("tokenizer.ggml.tokens", g.ARRAY, tokens)]),
        g.gguf([g.entry("general.alignment", g.UINT32, g.u32(64))], [g.tensor("t", [8])], bytes(32), alignment=64),
        g.gguf([], [g.tensor("t", [2, 2, 2, 2]), g.tensor("u", [8], g.F16, 64)], bytes(96)),
        g.gguf([], [g.tensor("t", [256], g.IQ2_XXS)], bytes(66)),
        g.gguf([g.entry("k", g.ARRAY, g.array(g.ARRAY, 1, g.array(g.UINT8, 1, b"\1")))]),
        *formats,
    ]


def mutate(content: bytes, rng: np.random.Generator, others: list[bytes]) -> bytes:
    """`content` with one to four random changes of the kinds that break parsers."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        position = int(rng.integers(0, len(changed) + 1))
        kind = rng.integers(0, 7)
        if kind == 0:  # a bit
            changed[position : position + 1] = bytes(
                b ^ (1 << int(rng.integers(8))) for b in changed[position : position + 1]
            )
        elif kind == 1:  # a telling number in place of four or eight bytes
            width = int(rng.choice([4, 8]))
            number = int(rng.choice(_TELLING)) % (1 << 8 * width)
            changed[position : position + width] = number.to_bytes(width, "little")
        elif kind == 2:
            del changed[position:]
        elif kind == 3:
            del changed[position : position + int(rng.integers(1, 40))]
        elif kind == 4:
            changed[position:position] = rng.integers(0, 256, int(rng.integers(1, 40)), dtype=np.uint8).tobytes()
        elif kind == 5:  # a piece of itself once more
            start = int(rng.integers(0, len(changed) + 1))
            changed[position:position] = changed[start : start + int(rng.integers(1, 64))]
        else:  # the end of another file
            other = others[int(rng.integers(len(others)))]
            changed[position:] = other[int(rng.integers(0, len(other))) :]
    return bytes(changed)


_TELLING = np.array(
    [0, 1, 2, 8, 9, 13, 31, 64, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, -1, -8]
)


def _functions_of(holder: object) -> Iterator[types.FunctionType]:
    """The functions and methods that a module, or a class in it, defines itself."""
    for value in vars(holder).values():
        if isinstance(value, types.FunctionType):
            yield value
        elif inspect.isclass(value) and inspect.ismodule(holder) and value.__module__ == holder.__name__:
            yield from _functions_of(value)


def main() -> None:
    """Hand `check` to atheris; arguments are libFuzzer's."""
    import atheris  # optional, and only here

    for folder in (Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")):
        folder.mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(seeds()):
            (folder / f"seed-{i}").write_bytes(seed)
    for module in (gguf_parser, string_array):  # coverage of the parser alone: with numpy in it, it says nothing
        for function in _functions_of(module):
            atheris.instrument_func(function)
    atheris.Setup(sys.argv, lambda content: check(content) and None)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
