"""What may constrain a completion, and what a compiled constraint answers while tokens are drawn.

A mask is one bit a token, packed little-endian in uint32 words: token t is allowed when bit t % 32 of word t // 32 is
set. This is the sampler's mask argument everywhere.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np


@dataclass(frozen=True)
class Constraint:
    """Text a completion must match from its first to its last character.

    kind "regex" and "grammar" (Lark, as llguidance reads it) take source text, "json_schema" a schema as JSON text,
    "choice" a tuple of texts.
    """

    kind: Literal["regex", "json_schema", "choice", "grammar"]
    source: str | tuple[str, ...]


class Matcher(Protocol):
    """The state of one constraint in one completion."""

    def mask(self) -> np.ndarray:
        """[ceil(V / 32)] uint32: tokens that may come next; end-of-generation ids where the text may end."""
        ...

    def accept(self, token_id: int) -> None:
        """Advance by a token that `mask` allowed."""
        ...

    def is_finished(self) -> bool:
        """Nothing but the end may follow."""
        ...
