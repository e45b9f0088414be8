"""runtime/loaders/sniff.py: what a wrong file looks like, told from its first bytes."""

import pickle

import pytest

from runtime.loaders.sniff import looks_like


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"PK\x03\x04rest", "a zip archive, perhaps a PyTorch checkpoint"),
        (pickle.dumps({"a": 1}, 0), "a Python pickle"),
        (pickle.dumps([1], 0), "a Python pickle"),
        (pickle.dumps({"a": 1}, 2), "a Python pickle"),
        (pickle.dumps({"a": 1}, 5), "a Python pickle"),
        (b"cos\nsystem\n(S'true'\ntR.", "a Python pickle"),
        (b"GGUF\x03", "a GGUF file"),
        (b"lmggrest", "an old GGML format"),
        (b'\x40\0\0\0\0\0\0\0{"a":', "a safetensors file"),
        (b"<!DOCTYPE html><html>", "a web page; the download was answered with a page"),
        (b"\n  <HTML>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "a git-lfs pointer, not the model itself"),
        (b'{"error": "not found"}', "JSON text"),
        (b"Not Found\n", "plain text"),
        (b"call me later\n", "plain text"),
        (b"\x1f\x8b\x08", "a gzip archive; unpack it first"),
        (bytes(64), "all zeros, as an interrupted download leaves it"),
        (b"\x01\x02\xff\xfe", "nothing known (it begins with 01 02 ff fe)"),
    ],
)
def test_looks_like_names_the_kind(head, words):
    assert words in looks_like(head)
