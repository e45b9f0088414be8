"""KV storage in torch tensors, and how tokens get into it and out again."""

from dataclasses import dataclass

import numpy as np
import torch

from runtime.kernels.ops import PAGE_SIZE, KVShape, PageTable


@dataclass(frozen=True)
class ReferenceKVPool:
    """K and V of every layer: each [L, num_pages, K, PAGE_SIZE, D] in the pool's dtype."""

    shape: KVShape
    k: torch.Tensor
    v: torch.Tensor


def new_kv_pool(shape: KVShape, device: torch.device) -> ReferenceKVPool:
    """Zeroed storage. Raises MemoryError with the bytes asked for."""
    dtype = {"f32": torch.float32, "f16": torch.float16}[shape.dtype]
    sizes = (shape.num_layers, shape.num_pages, shape.num_kv_heads, PAGE_SIZE, shape.head_dim)
    try:
        return ReferenceKVPool(
            shape, torch.zeros(sizes, dtype=dtype, device=device), torch.zeros(sizes, dtype=dtype, device=device)
        )
    except RuntimeError as error:  # torch says "not enough memory" with it
        raise MemoryError(
            f"A KV pool of {shape.num_pages} pages takes {shape.num_pages * shape.page_bytes:,} bytes, "
            "more than there are; ask for fewer pages."
        ) from error


def write_kv(pool: ReferenceKVPool, layer_idx: int, pages: PageTable, k: torch.Tensor, v: torch.Tensor) -> None:
    """Store k, v [T, K, D] of the new tokens, rounded to the pool's dtype."""
    positions = pages.positions()
    owners = np.repeat(np.arange(len(pages.kv_lens)), np.diff(pages.query_starts))
    page_ids = torch.from_numpy(pages.page_ids[owners, positions // PAGE_SIZE].astype(np.int64))
    slots = torch.from_numpy((positions % PAGE_SIZE).astype(np.int64))
    pool.k[layer_idx, page_ids, :, slots] = k.detach().to(pool.k.dtype)
    pool.v[layer_idx, page_ids, :, slots] = v.detach().to(pool.v.dtype)


def read_kv(
    pool: ReferenceKVPool, layer_idx: int, page_ids: np.ndarray, kv_len: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values of one sequence, [S, K, D] float32 each, from its pages in order."""
    used = torch.from_numpy(page_ids[: -(-kv_len // PAGE_SIZE)].astype(np.int64))
    k, v = (
        stored[layer_idx, used].transpose(1, 2).flatten(0, 1)[:kv_len].float()  # [pages, K, slots, D] → [S, K, D]
        for stored in (pool.k, pool.v)
    )
    return k, v
