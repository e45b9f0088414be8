"""A complete E5S1 file of two layers and ten pieces."""

import struct

import numpy as np

HIDDEN, LAYERS, HEADS, INTERMEDIATE, ROWS, POSITIONS = 32, 2, 2, 64, 12, 16
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁a", "b", "保", "▁", "cd", "<mask>"]
REPLACEMENTS = {"Ａ": "A", "\x01": "", "①": "1"}


def tiny_e5s1(rng: np.random.Generator) -> tuple[bytes, dict[str, np.ndarray]]:
    """The file's bytes, and every tensor's stored bytes by its name in the file."""
    matrices = {"emb.word": ROWS * HIDDEN}
    vectors = {"emb.pos": POSITIONS * HIDDEN, "emb.type": 2 * HIDDEN, "emb.ln.w": HIDDEN, "emb.ln.b": HIDDEN}
    for layer in range(LAYERS):
        matrices |= {f"l{layer}.{part}.w": HIDDEN * HIDDEN for part in ("q", "k", "v", "ao")}
        matrices |= {f"l{layer}.{part}.w": HIDDEN * INTERMEDIATE for part in ("fi", "fo")}
        vectors |= {f"l{layer}.{part}.b": HIDDEN for part in ("q", "k", "v", "ao", "fo", "aln", "oln")}
        vectors |= {f"l{layer}.{part}.w": HIDDEN for part in ("aln", "oln")}
        vectors[f"l{layer}.fi.b"] = INTERMEDIATE
    stored = {name: _q4_0(rng, count) for name, count in matrices.items()}
    stored |= {name: rng.standard_normal(count).astype("<f4").view(np.uint8) for name, count in vectors.items()}
    head = _head()
    directory_bytes = 4 + sum(2 + len(name) + 21 for name in stored)
    offset = len(head) + directory_bytes
    directory = [struct.pack("<i", len(stored))]
    for name, data in stored.items():
        count = matrices.get(name) or vectors[name]
        directory.append(struct.pack("<H", len(name)) + name.encode())
        directory.append(struct.pack("<BIQQ", int(name in matrices), count, offset, data.size))
        offset += data.size
    return head + b"".join(directory) + b"".join(data.tobytes() for data in stored.values()), stored


def _head() -> bytes:
    pieces = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, pieces)]).astype("<u4")
    scores = -np.arange(len(PIECES), dtype="<f4")
    records = b"".join(
        struct.pack(f"<IB{len(value)}I", ord(key), len(value), *map(ord, value)) for key, value in REPLACEMENTS.items()
    )
    return b"".join(
        [
            struct.pack("<4sI7ifi", b"E5S1", 1, HIDDEN, LAYERS, HEADS, INTERMEDIATE, ROWS, POSITIONS, 2, 1e-12, 32),
            struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(ends[-1])),
            ends.tobytes() + scores.tobytes() + b"".join(pieces),
            struct.pack("<iI", len(REPLACEMENTS), len(records)) + records,
        ]
    )


def _q4_0(rng: np.random.Generator, count: int) -> np.ndarray:
    blocks = np.empty((count // 32, 18), np.uint8)
    blocks[:, :2] = rng.uniform(0.01, 1, (count // 32, 1)).astype("<f2").view(np.uint8)
    blocks[:, 2:] = rng.integers(0, 256, (count // 32, 16), np.uint8)
    return blocks.reshape(-1)
