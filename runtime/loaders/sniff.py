"""Says what a file that is not the expected kind looks like, by its content: file names lie.

Nothing is opened, unpacked or run; a handful of leading bytes is compared.
"""

import re
import string

HEAD_BYTES = 512  # how much of a file `looks_like` wants to see

_MAGICS = {
    b"GGUF": "a GGUF file",
    b"FUGG": "a big-endian GGUF file",
    b"lmgg": "a model in an old GGML format; convert the original weights to GGUF",
    b"fmgg": "a model in an old GGML format; convert the original weights to GGUF",
    b"tjgg": "a model in an old GGML format; convert the original weights to GGUF",
    b"algg": "an adapter in an old GGML format; convert it to safetensors",
    b"PK\x03\x04": "a zip archive, perhaps a PyTorch checkpoint; those can run code and are never read",
    b"PK\x05\x06": "an empty zip archive",
    b"\x1f\x8b": "a gzip archive; unpack it first",
    b"\xfd7zXZ\x00": "an xz archive; unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd archive; unpack it first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it first",
    b"\x89HDF\r\n": "an HDF5 file",
    b"\x93NUMPY": "a numpy array",
    b"%PDF": "a PDF document",
    b"version https://git-lfs": "a git-lfs pointer, not the model itself; fetch it with: git lfs pull",
}
_OLD_PICKLE = re.compile(rb"[(\]}l]*c[A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n|\([dlt]p\d+\n")  # an import, or a container
_TEXT = frozenset(string.printable.encode())


def looks_like(head: bytes) -> str:
    """A few words for what begins with `head`, the file's first bytes: "a zip archive, …"."""
    for magic, words in _MAGICS.items():
        if head.startswith(magic):
            return words
    if _is_pickle(head):
        return "a Python pickle, perhaps a PyTorch checkpoint; those can run code and are never read"
    if len(head) > 8 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= 100_000_000:
        return "a safetensors file"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        return "a web page; the download was answered with a page instead of the file"
    if text.startswith((b"{", b"[")):
        return "JSON text"
    if not head.strip(b"\x00"):
        return "all zeros, as an interrupted download leaves it"
    if all(byte in _TEXT for byte in head):
        return "plain text"
    return f"nothing known (it begins with {head[:8].hex(' ')})"


def _is_pickle(head: bytes) -> bool:
    """Protocol 2 and later open with a marker byte and their number; 0 and 1 only show in their first opcodes."""
    return (len(head) >= 2 and head[0] == 0x80 and 2 <= head[1] <= 5) or _OLD_PICKLE.match(head) is not None
