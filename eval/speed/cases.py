"""What is timed of a model: reading prompts, writing after prompts of several lengths, and many sequences at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Case:
    """Random prompts, and how much is written after them. `new_tokens` 0 times the prompt, else only what follows."""

    name: str
    prompt_len: int  # tokens
    new_tokens: int = 0
    num_sequences: int = 1

    @property
    def num_positions(self) -> int:
        """Positions of a sequence, with the token that ends it."""
        return self.prompt_len + self.new_tokens + 1

    def prompts(self, vocab_size: int, repetition: int) -> list[list[int]]:
        """Token ids of each sequence. Prompts whose reading is timed differ each time, so that no cache knows them."""
        rng = np.random.default_rng((self.prompt_len, 0 if self.new_tokens else repetition + 1))
        ids = rng.integers(min(256, vocab_size // 2), vocab_size, (self.num_sequences, self.prompt_len))
        return [row.tolist() for row in ids]


CASES: Sequence[Case] = (
    *(Case(name=f"prefill {length}", prompt_len=length) for length in (128, 512, 4096)),
    *(Case(name=f"decode at {depth}", prompt_len=max(1, depth), new_tokens=64) for depth in (0, 2048, 4096)),
    *(Case(name=f"{count} sequences", prompt_len=128, new_tokens=128, num_sequences=count) for count in (4, 16)),
)


def find_cases(names: Sequence[str]) -> list[Case]:
    """Cases whose name contains one of `names`, all for none. Raises ValueError where a name fits nothing."""
    for name in names:
        if not any(name in case.name for case in CASES):
            raise ValueError(f"No test is called like {name!r}; there are {', '.join(case.name for case in CASES)}.")
    return [case for case in CASES if not names or any(name in case.name for name in names)]
