"""What a model file says about its vocabulary, read from metadata and checked once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runtime.errors import TokenizerError
from runtime.tokenizer.metadata import PREFIX, read_flag, read_id, read_numbers, read_strings
from runtime.tokenizer.special import SpecialTokens

# Kinds of token, as GGUF numbers them.
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6

# Control tokens that end a turn or a text in the model families we know, whichever of them the file calls `eos`.
_END_NAMES = frozenset(
    {
        "<|eot_id|>",
        "<|eom_id|>",
        "<|eot|>",
        "<|im_end|>",
        "<|end|>",
        "<|return|>",
        "<|call|>",
        "<|calls|>",
        "<|flush|>",
        "<|endoftext|>",
        "<|end_of_text|>",
        "<end_of_turn>",
        "<turn|>",
        "<end_of_utterance>",
        "<eos>",
        "</s>",
        "<EOT>",
        "_<EOT>",
        "[EOT]",
        "[EOS]",
        "[e~[",
        "<｜end▁of▁sentence｜>",
    }
)


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Tokens as the file spells them, their kinds, and the ids that mean something to the runtime."""

    metadata: Mapping[str, Any]
    spellings: Sequence[str]
    kinds: np.ndarray  # [V] int32
    bos_id: int | None
    eos_id: int | None
    unknown_id: int | None
    adds_bos: bool
    adds_eos: bool
    special_ids: frozenset[int]
    user_defined_ids: frozenset[int]
    eog_ids: frozenset[int]
    always_matched: SpecialTokens  # user-defined tokens
    matched_on_request: SpecialTokens  # these and the special ones

    def __len__(self) -> int:
        return len(self.kinds)

    def flag(self, name: str, default: bool) -> bool:
        """The boolean `tokenizer.ggml.<name>`."""
        return read_flag(self.metadata, name, default)

    def scores(self) -> np.ndarray:
        """[V] float32.

        Raises:
            TokenizerError: there are none, or not one a token.
        """
        scores = read_numbers(self.metadata, "scores", np.float32)
        if scores is None or len(scores) != len(self):
            raise TokenizerError(
                f"{PREFIX}scores has {0 if scores is None else len(scores):,} entries for {len(self):,} tokens; "
                "convert the model again."
            )
        if not np.isfinite(scores).all():
            raise TokenizerError(f"{PREFIX}scores holds a value that is not finite; convert the model again.")
        return scores


def read_vocabulary(
    metadata: Mapping[str, Any],
    *,
    adds_bos: bool | None,
    adds_eos: bool | None,
    bos_key: str = "bos_token_id",
    eos_key: str = "eos_token_id",
    default_ids: Mapping[str, int] | None = None,
) -> Vocabulary:
    """The vocabulary in `metadata`.

    Args:
        adds_bos, adds_eos: what holds where the file does not say; None: where there is such a token.
        bos_key, eos_key: which of the file's ids are the start and end tokens.
        default_ids: ids, by key, that this kind of vocabulary has unless the file says otherwise.

    Raises:
        TokenizerError: a key is missing, an id lies outside the vocabulary, or arrays differ in length.
    """
    spellings = read_strings(metadata, "tokens")
    if spellings is None or len(spellings) == 0:
        raise TokenizerError(f"The model file has no {PREFIX}tokens, so no vocabulary; convert the model again.")
    kinds = _kinds(metadata, len(spellings))
    ids = {
        key: read_id(metadata, key, len(spellings), (default_ids or {}).get(key))
        for key in (bos_key, eos_key, "unknown_token_id", "eot_token_id", "eom_token_id")
    }
    bos_id, eos_id = ids[bos_key], ids[eos_key]
    unknown_id = ids["unknown_token_id"]
    control = _spelled(spellings, kinds, (CONTROL, UNKNOWN))
    for token_id in (bos_id, eos_id):  # some files leave these normal; they still must not come out of user text
        if token_id is not None and kinds[token_id] == NORMAL and _looks_special(str(spellings[token_id])):
            control.setdefault(str(spellings[token_id]), token_id)
    user_defined = _spelled(spellings, kinds, (USER_DEFINED,))
    strips_right = _strips_right(metadata, {**user_defined, **control})
    return Vocabulary(
        metadata=metadata,
        spellings=spellings,
        kinds=kinds,
        bos_id=bos_id,
        eos_id=eos_id,
        unknown_id=unknown_id,
        adds_bos=_adds(metadata, "add_bos_token", adds_bos, bos_id),
        adds_eos=_adds(metadata, "add_eos_token", adds_eos, eos_id),
        special_ids=frozenset(control.values()),
        user_defined_ids=frozenset(user_defined.values()),
        eog_ids=_eog_ids(control, {eos_id, ids["eot_token_id"], ids["eom_token_id"]}),
        always_matched=SpecialTokens(user_defined, strips_right=strips_right),
        matched_on_request=SpecialTokens({**user_defined, **control}, strips_right=strips_right),
    )


def _kinds(metadata: Mapping[str, Any], num_tokens: int) -> np.ndarray:
    kinds = read_numbers(metadata, "token_type", np.int32)
    if kinds is None:
        return np.full(num_tokens, NORMAL, np.int32)
    if len(kinds) != num_tokens:
        raise TokenizerError(
            f"{PREFIX}token_type has {len(kinds):,} entries for {num_tokens:,} tokens; convert the model again."
        )
    return kinds


def _spelled(spellings: Sequence[str], kinds: np.ndarray, wanted: tuple[int, ...]) -> dict[str, int]:
    """Ids by spelling of the tokens of some kinds; of two spelled alike the first counts."""
    found: dict[str, int] = {}
    for token_id in np.flatnonzero(np.isin(kinds, wanted)).tolist():
        if spelling := _spelling(spellings, token_id):
            found.setdefault(spelling, token_id)
    return found


def _spelling(spellings: Sequence[str], token_id: int) -> str:
    try:
        return str(spellings[token_id])
    except UnicodeDecodeError:
        return ""  # half a character is no name that could stand in a text


def _looks_special(spelling: str) -> bool:
    return len(spelling) > 2 and (spelling[0], spelling[-1]) in {("<", ">"), ("[", "]")}


def _adds(metadata: Mapping[str, Any], key: str, default: bool | None, token_id: int | None) -> bool:
    if token_id is None:
        return False
    return read_flag(metadata, key, True if default is None else default)


def _eog_ids(control: Mapping[str, int], named_ids: set[int | None]) -> frozenset[int]:
    ends = {name: token_id for name, token_id in control.items() if name in _END_NAMES}
    if "<|end|>" in ends and {"<|call|>", "<|calls|>"} & ends.keys() and {"<|return|>", "<|flush|>"} & ends.keys():
        del ends["<|end|>"]  # in these families it closes one message of several
    return frozenset(ends.values()) | frozenset(token_id for token_id in named_ids if token_id is not None)


def _strips_right(metadata: Mapping[str, Any], special: Mapping[str, int]) -> frozenset[int]:
    """Phi-3's special tokens take the white space after them along; only the model's name tells."""
    name = str(metadata.get("general.name", "")).lower()
    if "phi-3" not in name and "phi3" not in name:
        return frozenset()
    return frozenset(i for spelling, i in special.items() if spelling not in ("<unk>", "<s>", "<|endoftext|>"))
