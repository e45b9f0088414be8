"""What may constrain a completion, and what a compiled constraint answers while tokens are drawn.

A mask is one bit a token, packed little-endian in uint32 words: token t is allowed when bit t % 32 of word t // 32 is
set. This is the sampler's mask argument everywhere.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast

if TYPE_CHECKING:  # the process that tries constraints out has no need of it
    import numpy as np


@dataclass(frozen=True)
class Constraint:
    """Text a completion must match from its first to its last character.

    kind "regex" and "grammar" (Lark, as llguidance reads it) take source text, "json_schema" a schema as JSON text,
    "choice" a tuple of texts, "substring" a text of which the completion is a part, not empty.

    Leave the length of free text open (`/[^\\n]+/`, no maxLength): the completion's limit ends it all the same, and a
    mask of counted text looks at ten times as many tokens. In a grammar a terminal takes all it can, so free text ends
    at a character that it cannot hold, or at a mark: `text[suffix="</end>"]: /(?s:.*)/`.

    Args:
        parts: constraints by name, which the text of a "grammar" refers to as `@name`. They have none of their own.
        after: where not empty, the completion begins with free text that ends with the first `after`, such as the
            "</think>" of a model that reasons; what follows it matches.
    """

    kind: Literal["regex", "json_schema", "choice", "grammar", "substring"]
    source: str | tuple[str, ...]
    after: str = ""
    parts: tuple[tuple[str, "Constraint"], ...] = ()

    def __post_init__(self) -> None:
        if isinstance(cast(object, self.source), list):
            raise TypeError("The source of this constraint is a list; give a tuple of texts: tuple(texts).")


class Matcher(Protocol):
    """The state of one constraint in one completion, with an ending at hand: tokens that would complete it."""

    def mask(self) -> "np.ndarray":
        """[ceil(V / 32)] uint32: tokens that may come next; end-of-generation ids where the text may end."""
        ...

    def accept(self, token_id: int) -> None:
        """Advance by a token that `mask` allowed."""
        ...

    def try_accept(self, token_id: int, room: int) -> bool:
        """`accept`, if afterwards an ending of at most `room` tokens is known; else False, and nothing changes."""
        ...

    def forced(self) -> tuple[int, ...]:
        """The tokens that must come next, where nothing else can; often none."""
        ...

    def ending(self) -> tuple[int, ...]:
        """Tokens that complete the text from here; none where it may end here."""
        ...

    def is_accepting(self) -> bool:
        """The text so far matches."""
        ...

    def is_finished(self) -> bool:
        """Nothing but the end may follow."""
        ...
