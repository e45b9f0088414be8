"""Where a context ends and its continuation begins: lm-eval's rules, worked out by hand on a vocabulary of bytes."""

import pytest

from appkit import ContextOverflowError
from eval.harness.pair_encoding import EncodedPair, encode_pair, fit_pair, start_id
from tests.helpers.byte_tokenizer import ByteTokenizer

ROOM = 100


def vocabulary(*words: str, start: bool = False, end: bool = False) -> ByteTokenizer:
    """Bytes and words, the longest that fits is taken; with `start` or `end`, one that is put around every text."""
    tokenizer = _Surrounding(words)
    tokenizer.bos_id = tokenizer.eos_id if start else None
    tokenizer.adds_bos, tokenizer.adds_eos = start, end
    return tokenizer


class _Surrounding(ByteTokenizer):
    def encode(self, text: str, *, add_special: bool = False, parse_special: bool = False) -> list[int]:
        ids = super().encode(text)
        assert self.eos_id is not None
        before = [self.eos_id] if add_special and self.adds_bos else []
        return [*before, *ids, *([self.eos_id] if add_special and self.adds_eos else [])]


def pair(tokenizer: ByteTokenizer, context: str, continuation: str, room: int = ROOM) -> tuple[str, str]:
    """What the model reads and what it is asked for, as texts."""
    encoded = encode_pair(tokenizer, room, context, continuation)
    return _text(tokenizer, encoded.context_ids), _text(tokenizer, encoded.continuation_ids)


def _text(tokenizer: ByteTokenizer, ids: tuple[int, ...]) -> str:
    return "|".join(tokenizer.token_bytes(one).decode("utf-8", "replace") for one in ids)


def test_both_are_encoded_together_and_cut_at_the_length_of_the_context() -> None:
    tokenizer = vocabulary("ab", " a")
    assert pair(tokenizer, "x", " ab") == ("x", " a|b")  # alone " ab" would be the same; "ab" would not
    # The last letter of the context joins the first of the continuation: what the model reads stays the context's own
    # encoding, and the cut is by number.
    assert pair(tokenizer, "xa", "bc") == ("x|a", "c")


def test_blanks_that_end_the_context_belong_to_the_continuation() -> None:
    tokenizer = vocabulary(" a", "\n\n")
    assert pair(tokenizer, "x ", "a") == pair(tokenizer, "x", " a") == ("x", " a")
    assert pair(tokenizer, "x\n\n", "a") == ("x", "\n\n|a")
    assert pair(tokenizer, "x\u3000", "a") == ("x", "\ufffd|\ufffd|\ufffd|a")  # an ideographic blank is one, too


@pytest.mark.parametrize(("context", "continuation"), [("", " a"), (" ", "a")])
def test_an_empty_context_is_the_start_token(context: str, continuation: str) -> None:
    assert pair(vocabulary(" a"), context, continuation) == ("<eos0>", " a")
    assert pair(vocabulary(" a", start=True), context, continuation) == ("<eos0>", " a")


def test_a_start_token_is_in_front_where_the_model_wants_it() -> None:
    assert pair(vocabulary(start=True), "xy", "z") == ("<eos0>|x|y", "z")
    assert pair(vocabulary(start=False), "xy", "z") == ("x|y", "z")


def test_an_end_token_after_every_text_is_left_out() -> None:
    assert pair(vocabulary(end=True), "xy", "zz") == ("x|y", "z|z")


def test_what_is_too_long_loses_context_from_the_left_and_says_how_much() -> None:
    # 8 + 3 tokens, of which the last is not read: 10 into 6
    encoded = encode_pair(vocabulary(), 6, "abcdefgh", "xyz")
    assert (bytes(encoded.context_ids), bytes(encoded.continuation_ids), encoded.num_cut) == (b"efgh", b"xyz", 4)
    assert encode_pair(vocabulary(), 10, "abcdefgh", "xyz").num_cut == 0


def test_a_continuation_as_long_as_the_model_reads_keeps_one_token_of_context() -> None:
    assert fit_pair(b"abc", b"xyz", 3) == EncodedPair(
        context_ids=tuple(b"c"), continuation_ids=tuple(b"xyz"), num_cut=2
    )
    with pytest.raises(ContextOverflowError, match=r"The continuation is 4 tokens and the model holds 3") as caught:
        fit_pair(b"abc", b"wxyz", 3)
    assert (caught.value.num_tokens, caught.value.limit) == (4, 3)


def test_a_text_that_brings_the_start_token_is_not_given_a_second_one() -> None:
    tokenizer = vocabulary()
    tokenizer.bos_id = ord("<")  # as if a text spelled it
    assert pair(tokenizer, "", "<ab") == ("<", "a|b")


@pytest.mark.parametrize(("context", "continuation"), [("xy", ""), ("", ""), ("xa", "b")])
def test_a_continuation_without_a_token_of_its_own_is_refused(context: str, continuation: str) -> None:
    with pytest.raises(ValueError, match=f"The continuation '{continuation}' adds no token to the context '{context}'"):
        encode_pair(vocabulary("ab"), ROOM, context, continuation)


def test_a_vocabulary_without_start_and_end_cannot_begin() -> None:
    tokenizer = ByteTokenizer([], num_ends=0)
    with pytest.raises(ValueError, match="no start token and no end token"):
        start_id(tokenizer)
