"""runtime/loaders/gguf_parser.py: files that lie, each with the sentence it earns."""

import re
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from runtime.errors import CorruptFileError, LoadError, UnsupportedModelError
from runtime.loaders.gguf import GGUFFile
from runtime.loaders.gguf_parser import parse_gguf
from runtime.loaders.string_array import StringArray
from tests.helpers import gguf_bytes as g

PATH = Path("model.gguf")
TEXT = g.entry("general.architecture", g.STRING, g.string("llama"))
ONE = g.tensor("t", [8])  # 32 bytes of F32


def parse(content: bytes):
    return parse_gguf(memoryview(content), PATH)


def strings(*lengths: int) -> bytes:
    return b"".join(g.string(b"x" * length) for length in lengths)


# name: (file, words of the message)
CORRUPT = {
    "empty": (b"", "is empty; pull it again"),
    "magic cut off": (b"GG", "cut off or damaged"),
    "other magic": (b"\x00\x01\x02\x03" + bytes(60), "not a GGUF file; it looks like nothing known"),
    "version 0": (g.gguf([TEXT], version=0), "the GGUF version is 0"),
    "header only": (b"GGUF\x03\x00\x00\x00", "the number of tensors at byte 8 takes 8 bytes"),
    "many tensors": (g.gguf([TEXT], num_tensors=2**60), "the number of tensors is 1152921504606846976, more than"),
    "many entries": (g.gguf([TEXT], num_entries=2**64 - 1), "the number of metadata entries is 18446744073709551615"),
    "more entries than there are": (g.gguf([TEXT], num_entries=2), "the key of metadata entry 1"),
    "key longer than allowed": (g.gguf([g.u64(70000) + bytes(90000)]), "claims 70000 bytes, and at most 65535"),
    "key longer than the file": (
        g.gguf([g.u64(5000) + bytes(64)]),
        "the key of metadata entry 0 at byte 32 takes 5000",
    ),
    "key of 2^64 - 1 bytes": (g.gguf([g.u64(2**64 - 1) + bytes(64)]), "claims 18446744073709551615 bytes"),
    "empty key": (g.gguf([g.entry("", g.UINT32, g.u32(1))]), "the key of metadata entry 0 is empty"),
    "key not UTF-8": (
        g.gguf([g.entry(b"a\xff", g.UINT32, g.u32(1))]),
        "at byte 33: the key of metadata entry 0 is not",
    ),
    "key twice": (g.gguf([TEXT, TEXT]), "the metadata key 'general.architecture' is there twice"),
    "unknown value type": (g.gguf([g.entry("k", 13, bytes(8))]), "'k' has the unknown value type 13"),
    "huge value type": (g.gguf([g.entry("k", 2**32 - 1, bytes(8))]), "unknown value type 4294967295"),
    "text not UTF-8": (g.gguf([g.entry("k", g.STRING, g.string(b"\xc3"))]), "the text of 'k' is not UTF-8"),
    "text too long": (
        g.gguf([g.entry("k", g.STRING, strings(2**20 + 1))]),
        "claims 1048577 bytes, and at most 1048576",
    ),
    "truth value 2": (g.gguf([g.entry("k", g.BOOL, b"\x02")]), "a truth value of 'k' is 2; it can be 0 or 1"),
    "NaN": (g.gguf([g.entry("k", g.FLOAT32, struct.pack("<f", float("nan")))]), "'k' is nan"),
    "infinity": (g.gguf([g.entry("k", g.FLOAT64, struct.pack("<d", float("-inf")))]), "'k' is -inf"),
    "array of arrays": (g.gguf([g.entry("k", g.ARRAY, g.array(g.ARRAY, 1, bytes(64)))]), "'k' is an array of arrays"),
    "array of unknown": (
        g.gguf([g.entry("k", g.ARRAY, g.array(77, 1, bytes(64)))]),
        "elements of 'k' have the unknown",
    ),
    "array too long": (
        g.gguf([g.entry("k", g.ARRAY, g.array(g.UINT8, 2**40, b""))]),
        "the length of 'k' is 1099511627776",
    ),
    "array wraps around": (
        g.gguf([g.entry("k", g.ARRAY, g.array(g.UINT64, 2**61 + 1, bytes(64)))]),
        "the length of 'k' is 2305843009213693953",
    ),
    "many strings": (
        g.gguf([g.entry("k", g.ARRAY, g.array(g.STRING, 2**60, b""))]),
        "the length of 'k' is 115292150460",
    ),
    "strings past the end": (
        g.gguf([g.entry("k", g.ARRAY, g.array(g.STRING, 2, g.string("ab") + g.u64(500)))]) + bytes(64),
        "the array 'k' of 2 strings",
    ),
    "string of 2^64 - 8 bytes": (
        g.gguf([g.entry("k", g.ARRAY, g.array(g.STRING, 2, g.u64(2**64 - 8) + bytes(40)))]),
        "in 'k' string 0 claims 18446744073709551608 bytes",
    ),
    "truth value 3 in an array": (
        g.gguf([g.entry("k", g.ARRAY, g.array(g.BOOL, 2, b"\1\3"))]),
        "truth value of 'k' is 3",
    ),
    "alignment 0": (g.gguf([g.entry("general.alignment", g.UINT32, g.u32(0))]), "general.alignment is 0; it must be"),
    "alignment 3": (g.gguf([g.entry("general.alignment", g.UINT32, g.u32(3))]), "a power of two up to 65536"),
    "alignment 2^31": (
        g.gguf([g.entry("general.alignment", g.UINT32, g.u32(2**31))]),
        "general.alignment is 2147483648",
    ),
    "alignment a text": (
        g.gguf([g.entry("general.alignment", g.STRING, g.string("32"))]),
        "is of type string, it must be",
    ),
    "alignment uint64": (g.gguf([g.entry("general.alignment", g.UINT64, g.u64(32))]), "is of type uint64, it must be"),
    "alignment an array": (
        g.gguf([g.entry("general.alignment", g.ARRAY, g.array(g.UINT32, 1, g.u32(32)))]),
        "must be one uint32",
    ),
    "name too long": (g.gguf([], [g.tensor("n" * 65, [8])], bytes(32)), "claims 65 bytes, and at most 64"),
    "empty name": (g.gguf([], [g.tensor("", [8])], bytes(32)), "the name of tensor 0 is empty"),
    "name not UTF-8": (g.gguf([], [g.tensor(b"\xff", [8])], bytes(32)), "the name of tensor 0 is not UTF-8"),
    "name twice": (g.gguf([], [ONE, g.tensor("t", [8], offset=32)], bytes(64)), "the tensor 't' is there twice"),
    "no dimensions": (g.gguf([], [g.tensor("t", [])], bytes(32)), "'t' has 0 dimensions; there can be 1 to 4"),
    "five dimensions": (g.gguf([], [g.tensor("t", [1] * 5)], bytes(32)), "'t' has 5 dimensions"),
    "2^32 - 1 dimensions": (
        g.gguf([], [g.string("t") + g.u32(2**32 - 1) + bytes(40)]),
        "'t' has 4294967295 dimensions",
    ),
    "dimension 0": (g.gguf([], [g.tensor("t", [8, 0])], bytes(32)), r"empty dimension, its sizes are [8, 0]"),
    "dimensions that wrap": (
        g.gguf([], [g.tensor("t", [2**32, 2**32])], bytes(32)),
        "takes 73786976294838206464 bytes",
    ),
    "dimension 2^64 - 1": (g.gguf([], [g.tensor("t", [2**64 - 1])], bytes(32)), "the tensor 't'"),
    "row and block": (
        g.gguf([], [g.tensor("t", [33], g.Q4_0)], bytes(64)),
        "a row of 't' has 33 weights, no multiple of",
    ),
    "offset not aligned": (
        g.gguf([], [g.tensor("t", [8], offset=4)], bytes(64)),
        "the offset 4 of 't' is not a multiple",
    ),
    "offset past the end": (g.gguf([], [g.tensor("t", [8], offset=2**40)], bytes(64)), " and lacks 1099511627744"),
    "offset wraps": (g.gguf([], [g.tensor("t", [8], offset=2**64 - 32)], bytes(64)), "and lacks "),
    "overlap": (g.gguf([], [g.tensor("t", [16]), g.tensor("u", [8], offset=32)], bytes(96)), "'t' and 'u' overlap"),
    "same place": (g.gguf([], [g.tensor("t", [8]), g.tensor("u", [8])], bytes(64)), "the tensors 't' and 'u' overlap"),
    "too little data": (
        g.gguf([], [ONE], bytes(31)),
        "ends at byte 95 and lacks 1",
    ),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_a_file_that_lies_is_told_so_in_one_sentence(name):
    content, words = CORRUPT[name]
    with pytest.raises(CorruptFileError, match=re.escape(words)) as caught:
        parse(content)
    assert str(caught.value).startswith("model.gguf ")
    assert str(caught.value).endswith(".")
    assert caught.value.path == PATH
    assert caught.value.offset_bytes is not None


UNSUPPORTED = {
    "version 1": (g.gguf([TEXT], version=1), "is a GGUF file of version 1; this build reads versions 2 and 3. Convert"),
    "version 4": (
        g.gguf([TEXT], version=4),
        "of version 4; this build reads versions 2 and 3. A newer build may read it",
    ),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "is a big-endian GGUF file; this build reads little-endian"),
    "big-endian magic": (b"FUGG" + struct.pack(">IQQ", 3, 0, 0), "is a big-endian GGUF file"),
    "IQ2_XXS": (
        g.gguf([], [g.tensor("blk.0.attn_q.weight", [256], g.IQ2_XXS)], bytes(66)),
        "blk.0.attn_q.weight in model.gguf is stored as IQ2_XXS; this build reads F32, F16, BF16, Q4_0",
    ),
    "TQ1_0": (g.gguf([], [g.tensor("t", [256], 34)], bytes(64)), "t in model.gguf is stored as TQ1_0"),
    "MXFP4": (g.gguf([], [g.tensor("t", [256], 39)], bytes(256)), "is stored as MXFP4"),
    "Q1_0": (g.gguf([], [g.tensor("t", [128], 41)], bytes(64)), "such as one marked Q4_K_M or Q8_0"),
    "F64": (g.gguf([], [g.tensor("t", [8], 28)], bytes(64)), "is stored as F64"),
    "withdrawn type": (g.gguf([], [g.tensor("t", [32], 4)], bytes(64)), "is stored as Q4_2"),
    "type of the future": (g.gguf([], [g.tensor("t", [8], 1000)], bytes(64)), "is stored as type 1000"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_sound_file_that_needs_more_is_told_what_and_the_way_out(name):
    content, words = UNSUPPORTED[name]
    with pytest.raises(UnsupportedModelError, match=re.escape(words)):
        parse(content)


def test_truncation_says_how_many_bytes_are_missing():
    with pytest.raises(CorruptFileError, match=r"and lacks 40; pull it again\.") as caught:
        parse(g.gguf([], [ONE, g.tensor("u", [8], offset=32)], bytes(24)))
    assert caught.value.offset_bytes == 128


def test_truncation_at_every_byte_is_a_corrupt_file(tmp_path):
    content = g.small_file()
    path = tmp_path / "cut.gguf"
    path.write_bytes(content)
    assert len(content) < 4096
    with path.open("r+b") as file:
        for size in range(len(content) - 1, -1, -1):
            file.truncate(size)
            with pytest.raises(CorruptFileError):
                GGUFFile.open(path)


def test_any_flipped_bit_is_a_load_error_or_another_value():
    content = bytearray(g.small_file())
    outcomes = []
    for bit in range(8 * len(content)):
        content[bit // 8] ^= 1 << bit % 8
        outcomes.append(is_accepted(bytes(content)))
        content[bit // 8] ^= 1 << bit % 8
    assert 0 < sum(outcomes) < len(outcomes)  # many flips only change a value, which is for the digest to tell


def is_accepted(content: bytes) -> bool:
    try:
        contents = parse(content)
    except LoadError:
        return False
    for value in contents.metadata.values():
        value.all_bytes() if isinstance(value, StringArray) else repr(value)
    for tensor in contents.tensors.values():
        assert tensor.offset + tensor.num_bytes <= len(content)
    return True


HUGE_CLAIMS = {
    "entries": g.gguf([TEXT], num_entries=2**33),
    "tensors": g.gguf([TEXT], num_tensors=2**33),
    "text": g.gguf([g.entry("k", g.STRING, g.u64(2**33))]),
    "numbers": g.gguf([g.entry("k", g.ARRAY, g.array(g.FLOAT64, 2**33, b""))]),
    "strings": g.gguf([g.entry("k", g.ARRAY, g.array(g.STRING, 2**33, b""))]),
    "weights": g.gguf([], [g.tensor("t", [2**20, 2**13])]),
}


@pytest.mark.parametrize("name", HUGE_CLAIMS)
def test_a_small_file_that_claims_gigabytes_gets_no_memory(name):
    content = HUGE_CLAIMS[name].ljust(160, b"\0")
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError):
            parse(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20


def test_a_process_that_reads_small_liars_does_not_grow(tmp_path):
    for name, content in HUGE_CLAIMS.items():
        (tmp_path / f"{name}.gguf").write_bytes(content.ljust(160, b"\0"))
    script = """
import resource, sys
from pathlib import Path
from runtime.errors import CorruptFileError
from runtime.loaders.gguf import GGUFFile
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in Path(sys.argv[1]).glob("*.gguf"):
    try:
        GGUFFile.open(path)
        print("accepted", path)
    except CorruptFileError:
        pass
print("grown", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    word, grown = done.stdout.split()
    assert word == "grown"
    in_kib = 1024 if sys.platform == "darwin" else 1
    assert int(grown) / in_kib < 8 * 1024


def crowd(kind: str) -> bytes:
    """Files of some MiB in which every byte is spent on making Python objects."""
    if kind == "entries":
        return g.gguf(g.entry(f"{i:x}", g.UINT8, b"\1") for i in range(65536))
    if kind == "tensors":
        return g.gguf([], (g.tensor(f"{i:x}", [8], offset=32 * i) for i in range(65536)), bytes(32 * 65536))
    if kind == "empty strings":
        return g.gguf([g.entry("k", g.ARRAY, g.array(g.STRING, 1 << 19, bytes(8 << 19)))])
    wide = ("x" * 900_000 + "\U0001f600").encode()  # one character that makes Python keep four bytes for each
    return g.gguf(g.entry(f"k{i}", g.STRING, g.string(wide)) for i in range(8))


@pytest.mark.parametrize("kind", ["entries", "tensors", "empty strings", "wide text"])
def test_no_file_takes_more_memory_than_its_size_and_64_mib(kind):
    content = crowd(kind)
    tracemalloc.start()
    try:
        parsed = parse(content)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert parsed.metadata or parsed.tensors
    assert peak < len(content) + (64 << 20)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda: g.gguf(g.entry(f"{i:x}", g.UINT8, b"\1") for i in range(65537)), "65537; at most 65536 are read"),
        (lambda: g.gguf([], [ONE] * 65537), "the number of tensors is 65537; at most 65536 are read"),
        (
            lambda: g.gguf([g.entry("k", g.ARRAY, g.array(g.UINT8, (16 << 20) + 1, bytes((16 << 20) + 1)))]),
            "the length of 'k' is 16777217; at most 16777216 are read",
        ),
        (
            lambda: g.gguf(g.entry(k, g.ARRAY, g.array(g.UINT8, 9 << 20, bytes(9 << 20))) for k in ("k", "l")),
            "with 'l' the arrays have more than 16777216 elements together",
        ),
        (
            lambda: g.gguf(g.entry(f"k{i}", g.STRING, strings(1 << 20)) for i in range(9)),
            "with 'k8' the texts are longer than 8 MiB together",
        ),
    ],
    ids=["entries", "tensors", "array", "arrays", "texts"],
)
def test_limits_hold_even_where_the_bytes_are_there(content, words):
    with pytest.raises(CorruptFileError, match=re.escape(words)):
        parse(content())


def test_metadata_past_256_mib_is_refused(tmp_path):
    path = tmp_path / "sparse.gguf"
    head = g.gguf([g.entry("k", g.ARRAY, g.array(g.STRING, 260, b""))], alignment=1)
    with path.open("wb") as file:  # 260 strings of 1 MiB, nearly all holes, which take no disk
        file.write(head)
        for i in range(260):
            file.seek(len(head) + i * (8 + (1 << 20)))
            file.write(g.u64(1 << 20))
        file.truncate(len(head) + 260 * (8 + (1 << 20)))
    with pytest.raises(CorruptFileError, match="the array 'k' of 260 strings lies beyond the 256 MiB"):
        GGUFFile.open(path)


def test_messages_show_odd_names_escaped():
    with pytest.raises(CorruptFileError, match=r"'a\\n\\x1b\[31m'"):
        parse(g.gguf([g.entry("a\n\x1b[31m", 99, bytes(8))]))
