"""Rows and adapters for the tests of training."""

import numpy as np
import torch

from runtime.training.data.packing import Packed
from runtime.training.lora import TrainableLora

NUM_IDS = 200  # below the vocabulary of every tiny model


def one_row(rng: np.random.Generator, *lengths: int) -> Packed:
    """Sequences of random ids end to end; all but the first token of each is supervised."""
    cu_seqlens = np.cumsum([0, *lengths]).astype(np.int32)
    is_supervised = np.ones(cu_seqlens[-1], bool)
    is_supervised[cu_seqlens[:-1]] = False
    input_ids = rng.integers(0, NUM_IDS, cu_seqlens[-1]).astype(np.int32)
    return Packed(input_ids=input_ids, is_supervised=is_supervised, cu_seqlens=cu_seqlens)


def random_adapter_(lora: TrainableLora, rng: np.random.Generator) -> None:
    """Fill b, which starts at zero, so that the adapter does something."""
    with torch.no_grad():
        for _, b in lora.parameters.values():
            b.copy_(torch.from_numpy(0.1 * rng.standard_normal(b.shape, np.float32)))
