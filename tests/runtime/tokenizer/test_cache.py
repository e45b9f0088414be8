import hashlib
import io
import os
import time
from pathlib import Path

import numpy as np
import pytest

from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.cache import load_arrays, store_arrays, vocabulary_digest
from tests.helpers.shared_data import shared_data
from tests.helpers.tiny_vocabularies import byte_level, sentence_piece

DIGEST = vocabulary_digest(["one"])
ARRAYS = {"a": np.arange(1000, dtype=np.int32), "b": np.frombuffer(b"bytes", np.uint8)}


def test_stored_arrays_come_back(tmp_path: Path) -> None:
    store_arrays(tmp_path / "c", DIGEST, ARRAYS)
    loaded = load_arrays(tmp_path / "c", DIGEST, ARRAYS)
    assert loaded is not None
    assert all(np.array_equal(loaded[name], ARRAYS[name]) for name in ARRAYS)


def test_another_vocabulary_s_arrays_count_as_absent(tmp_path: Path) -> None:
    store_arrays(tmp_path / "c", DIGEST, ARRAYS)
    assert load_arrays(tmp_path / "c", vocabulary_digest(["two"]), ARRAYS) is None


def test_digest_tells_parts_apart() -> None:
    digests = {vocabulary_digest(parts) for parts in ([["a", "b"]], [["ab"]], [["a"], ["b"]], [np.array([1])], [1], [])}
    assert len(digests) == 6


def test_any_damage_counts_as_absent(tmp_path: Path) -> None:
    path = tmp_path / "c"
    store_arrays(path, DIGEST, ARRAYS)
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        assert load_arrays(path, DIGEST, ARRAYS) is None
        path.write_bytes(whole[:place])
        assert load_arrays(path, DIGEST, ARRAYS) is None


def test_pickled_arrays_count_as_absent(tmp_path: Path) -> None:
    body = io.BytesIO()
    np.savez(body, a=np.array([{}], dtype=object), b=ARRAYS["b"])
    (tmp_path / "c").write_bytes(DIGEST + hashlib.sha256(body.getvalue()).digest() + body.getvalue())
    assert load_arrays(tmp_path / "c", DIGEST, ARRAYS) is None


@pytest.mark.parametrize("metadata", [byte_level(), sentence_piece({"▁": -1.0, "a": -1.0, "aa": -2.0})])
def test_tokenizer_from_the_cache_is_the_same(tmp_path: Path, metadata: dict[str, object]) -> None:
    text = "hello aaa 世\n"
    first = build_tokenizer(metadata, tmp_path / "c")
    again = build_tokenizer(metadata, tmp_path / "c")
    assert (tmp_path / "c").exists()
    assert first.encode(text) == again.encode(text) == build_tokenizer(metadata).encode(text)
    assert first.decode(first.encode(text)) == again.decode(again.encode(text)) == text


def test_folder_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    assert build_tokenizer(byte_level(), tmp_path / "missing" / "c").encode("he") == [256]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_read_only_folder_is_no_obstacle(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert build_tokenizer(byte_level(), tmp_path / "c").encode("he") == [256]


def test_changed_merges_are_noticed(tmp_path: Path) -> None:
    build_tokenizer(byte_level(("h e", "l l")), tmp_path / "c")
    assert build_tokenizer(byte_level(("l l", "h e")), tmp_path / "c").encode("he") == [257]


def test_string_arrays_of_a_file_are_hashed_as_they_lie() -> None:
    with GGUFFile.open(shared_data("tokenizer-vocabs") / "ggml-vocab-bert-bge.gguf") as file:
        tokens = file.metadata["tokenizer.ggml.tokens"]
        assert vocabulary_digest([tokens]) == vocabulary_digest([tokens]) != vocabulary_digest([list(tokens)[:-1]])


@pytest.mark.slow
def test_vocabulary_of_152_000_tokens_opens_in_50_ms(tmp_path: Path) -> None:
    """Metadata is parsed before; what `encode` alone needs comes after (`prepare`)."""
    with GGUFFile.open(shared_data("tokenizer-vocabs") / "ggml-vocab-qwen2.gguf") as file:
        build_tokenizer(file.metadata, tmp_path / "c")
        times = []
        for _ in range(5):
            start = time.perf_counter()
            build_tokenizer(file.metadata, tmp_path / "c")
            times.append(time.perf_counter() - start)
    assert min(times) <= 0.05
