"""Where a context ends and its continuation begins, in token ids: the rules of lm-evaluation-harness.

A vocabulary may join the last letters of a context with the first ones of what follows, so the two texts are encoded
together and cut at the length of the context's own encoding. Blanks that end the context belong to the continuation,
for most vocabularies write a blank and the word after it as one token. An empty context is the model's start token.
What is too long loses tokens of its context from the left, and says how many.

Source: lm-evaluation-harness 0.4.13, `TemplateLM.loglikelihood` and `HFLM._loglikelihood_tokens`. We depart from it in
three ways. Special tokens that a text spells out stay text. A token that a vocabulary puts at the end of every text is
left out. A context of blanks alone counts as empty once these have moved, where lm-eval stops.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appkit.errors import ContextOverflowError

if TYPE_CHECKING:
    from runtime import Tokenizer


@dataclass(frozen=True, kw_only=True)
class EncodedPair:
    """What the model reads, and what it is asked for after that. Neither is empty."""

    context_ids: tuple[int, ...]
    continuation_ids: tuple[int, ...]
    num_cut: int = 0  # tokens of the context that did not fit and were left out, from its start


def encode_pair(tokenizer: "Tokenizer", max_seq_len: int, context: str, continuation: str) -> EncodedPair:
    """A context and its continuation as ids, the context with the model's start token where the model wants one.

    Raises:
        ValueError: a continuation without a token of its own, or no context and a model without a start token.
        ContextOverflowError: a continuation that alone is longer than the model holds.
        TokenizerError: text that the vocabulary cannot hold.
    """
    kept, moved = _split_trailing_blanks(context)
    whole = moved + continuation
    if kept:
        context_ids = _encode(tokenizer, kept)
        continuation_ids = _encode(tokenizer, kept + whole)[len(context_ids) :]
    else:
        context_ids = [start_id(tokenizer)]
        continuation_ids = tokenizer.encode(whole)
        if continuation_ids[:1] == context_ids:
            del continuation_ids[0]  # the text brings the start token along
    if not continuation_ids:
        raise ValueError(
            f"The continuation {continuation!r} adds no token to the context {_end(context)!r}: there is nothing to "
            "score. Give it a text of its own."
        )
    return fit_pair(context_ids, continuation_ids, max_seq_len)


def fit_pair(context_ids: Sequence[int], continuation_ids: Sequence[int], max_seq_len: int) -> EncodedPair:
    """The pair within what the model holds, cut from the left. The last id needs no room: nothing comes after it.

    Raises:
        ContextOverflowError: the continuation alone leaves no room for one token of context.
    """
    if len(continuation_ids) > max_seq_len:
        raise ContextOverflowError(
            f"The continuation is {len(continuation_ids):,} tokens and the model holds {max_seq_len:,}: shorten it, or "
            "use a model with a longer context.",
            len(continuation_ids),
            max_seq_len,
        )
    num_cut = max(0, len(context_ids) + len(continuation_ids) - 1 - max_seq_len)
    return EncodedPair(
        context_ids=tuple(context_ids[num_cut:]), continuation_ids=tuple(continuation_ids), num_cut=num_cut
    )


def start_id(tokenizer: "Tokenizer") -> int:
    """The token before the first: the model's start token, or its end token where it has none.

    Raises:
        ValueError: it has neither.
    """
    found = tokenizer.eos_id if tokenizer.bos_id is None else tokenizer.bos_id
    if found is None:
        raise ValueError(
            "This model has no start token and no end token, so a text without context has no first token."
        )
    return found


def _split_trailing_blanks(context: str) -> tuple[str, str]:
    kept = context.rstrip()
    return kept, context[len(kept) :]


def _encode(tokenizer: "Tokenizer", text: str) -> list[int]:
    ids = tokenizer.encode(text, add_special=True)
    return ids[:-1] if tokenizer.adds_eos else ids


def _end(text: str) -> str:
    return text if len(text) <= 40 else f"…{text[-39:]}"
