"""Builds GGUF files byte by byte, right or wrong: independent of the project's own writer."""

import struct
from collections.abc import Iterable

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 = range(13)
F32, F16, Q4_0, Q8_0, IQ2_XXS, BF16 = 0, 1, 2, 8, 16, 30


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def string(text: str | bytes) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    return u64(len(content)) + content


def entry(key: str | bytes, type_id: int, value: bytes) -> bytes:
    return string(key) + u32(type_id) + value


def array(type_id: int, count: int, items: bytes) -> bytes:
    return u32(type_id) + u64(count) + items


def tensor(name: str | bytes, dims: Iterable[int], type_id: int = F32, offset: int = 0) -> bytes:
    dims = list(dims)
    return string(name) + u32(len(dims)) + b"".join(map(u64, dims)) + u32(type_id) + u64(offset)


def gguf(
    entries: Iterable[bytes] = (),
    tensors: Iterable[bytes] = (),
    data: bytes = b"",
    *,
    magic: bytes = b"GGUF",
    version: int = 3,
    num_tensors: int | None = None,
    num_entries: int | None = None,
    alignment: int = 32,
) -> bytes:
    """A whole file; counts are those of the lists unless given."""
    entries, tensors = list(entries), list(tensors)
    counts = u64(len(tensors) if num_tensors is None else num_tensors)
    counts += u64(len(entries) if num_entries is None else num_entries)
    head = magic + u32(version) + counts + b"".join(entries) + b"".join(tensors)
    return head + bytes(-len(head) % alignment) + data


def small_file() -> bytes:
    """A sound file below 2 KB with every value type, every kind of array and three tensors."""
    entries = [
        entry("general.architecture", STRING, string("llama")),
        entry("a.uint8", UINT8, b"\x07"),
        entry("a.int8", INT8, b"\xf9"),
        entry("a.uint16", UINT16, struct.pack("<H", 60000)),
        entry("a.int16", INT16, struct.pack("<h", -30000)),
        entry("a.uint32", UINT32, u32(4_000_000_000)),
        entry("a.int32", INT32, struct.pack("<i", -2_000_000_000)),
        entry("a.float32", FLOAT32, struct.pack("<f", 0.5)),
        entry("a.bool", BOOL, b"\x01"),
        entry("a.uint64", UINT64, u64(2**63)),
        entry("a.int64", INT64, struct.pack("<q", -(2**62))),
        entry("a.float64", FLOAT64, struct.pack("<d", 0.1)),
        entry("a.ints", ARRAY, array(INT32, 3, struct.pack("<3i", 1, -2, 3))),
        entry("a.bools", ARRAY, array(BOOL, 2, b"\x00\x01")),
        entry("tokenizer.ggml.tokens", ARRAY, array(STRING, 4, b"".join(map(string, ("a", "", "你好", b"\xe4\xbd"))))),
        entry("a.nothing", ARRAY, array(FLOAT32, 0, b"")),
    ]
    tensors = [
        tensor("plain", [3, 2], F32, 0),
        tensor("blocks", [32, 2], Q8_0, 32),
        tensor("halves", [5], F16, 128),
    ]
    data = struct.pack("<6f", *range(6)) + bytes(8)
    data += 2 * (struct.pack("<e", 0.25) + bytes(range(32))) + bytes(28)
    return gguf(entries, tensors, data + struct.pack("<5e", *range(5)))
