"""What prompt tuning and prefix tuning can be told. It needs no torch."""

from dataclasses import dataclass

import numpy as np

from runtime.config import ModelConfig

COMMON_IDS = 5000  # vocabularies begin with what is common: bytes, then the merges made first


@dataclass(frozen=True, kw_only=True)
class VirtualTokenSettings:
    """How many virtual tokens there are, and which real ones they begin as. Raises ValueError for values out of range.

    Both methods begin at real tokens. An embedding between all words, or keys and values that no text gives, are
    nothing a model was made for, and from there both learn slowly and unevenly (Lester et al., arXiv:2104.08691, 5.2;
    Li & Liang, arXiv:2101.00190, 7.4): best is a text about the task, begun with the model's start token.
    """

    num_tokens: int = 16  # a whole page of the cache: requests then share all of it
    start_ids: tuple[int, ...] = ()  # ids of a text, cut or repeated to num_tokens; none: drawn from the common ids
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_tokens < 1:
            raise ValueError(f"num_tokens is {self.num_tokens}; it must be 1 or more.")
        object.__setattr__(self, "start_ids", tuple(self.start_ids))

    def begin_ids(self, config: ModelConfig) -> np.ndarray:
        """[num_tokens] int64: the tokens of a model that the virtual ones begin as.

        Raises ValueError for ids that it does not have, and where its context has no room for more than them.
        """
        vocab_size = config.vocab_size
        if self.num_tokens >= config.max_seq_len:
            raise ValueError(
                f"num_tokens is {self.num_tokens}; a context of {config.max_seq_len} must hold more than these."
            )
        if not self.start_ids:
            return np.random.default_rng(self.seed).integers(0, min(vocab_size, COMMON_IDS), self.num_tokens)
        if strays := [token_id for token_id in self.start_ids if not 0 <= token_id < vocab_size]:
            raise ValueError(f"start_ids holds {strays[0]}; token ids of this model are 0 to {vocab_size - 1}.")
        return np.resize(np.array(self.start_ids, np.int64), self.num_tokens)
