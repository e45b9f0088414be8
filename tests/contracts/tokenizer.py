"""What every `Tokenizer` promises. A new one gets its tests by subclassing and giving a `tokenizer` fixture."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import TokenizerError
from runtime.tokenizer.base import Tokenizer

MIXED = "Hello world, y'all!\n\t 世界：3.14 — naïve 👩‍👩‍👧‍👦 x=[1, 2];\r\n  don't 保修期是多久？"

# Several classes run the same test method; without a database no failing example of one is replayed on another.
EACH_CLASS = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.differing_executors]
)


class TokenizerContract:
    """Subclasses give the fixture `tokenizer`, made once a class, and say what their vocabulary can do."""

    lossless = True  # decode(encode(x)) == x for every text

    @EACH_CLASS
    @given(text=st.text(max_size=80))
    def test_any_text_comes_back(self, tokenizer: Tokenizer, text: str) -> None:
        if self.lossless:
            text = text.replace("▁", "_")  # SentencePiece's mark for a space: the two are one to it
            assert tokenizer.decode(tokenizer.encode(text)) == text

    def test_mixed_text_comes_back(self, tokenizer: Tokenizer) -> None:
        if self.lossless:
            assert tokenizer.decode(tokenizer.encode(MIXED)) == MIXED

    def test_empty_text_has_no_ids(self, tokenizer: Tokenizer) -> None:
        assert tokenizer.encode("") == []
        assert tokenizer.decode([]) == ""

    def test_special_token_in_a_text_is_text(self, tokenizer: Tokenizer) -> None:
        for name in _special_names(tokenizer):
            text = f"say {name} now"
            ids = tokenizer.encode(text)
            assert tokenizer.special_ids.isdisjoint(set(ids) - _unknown(tokenizer))
            if self.lossless:
                assert tokenizer.decode(ids) == text

    def test_special_token_is_parsed_on_request(self, tokenizer: Tokenizer) -> None:
        for name in _special_names(tokenizer):
            assert tokenizer.token_id(name) in tokenizer.special_ids
            assert tokenizer.token_id(name) in tokenizer.encode(f"say {name} now", parse_special=True)

    def test_special_token_decodes_to_its_name_or_nothing(self, tokenizer: Tokenizer) -> None:
        for token_id in sorted(tokenizer.special_ids)[:20]:
            assert tokenizer.decode([token_id]) == ""
            assert tokenizer.decode([token_id], skip_special=False).encode() == tokenizer.token_bytes(token_id)

    def test_add_special_puts_the_model_s_tokens_around(self, tokenizer: Tokenizer) -> None:
        plain, whole = tokenizer.encode("hello"), tokenizer.encode("hello", add_special=True)
        start = [tokenizer.bos_id] if tokenizer.adds_bos else []
        end = [tokenizer.eos_id] if tokenizer.adds_eos else []
        assert whole == [*start, *plain, *end]

    def test_start_token_is_not_put_twice(self, tokenizer: Tokenizer) -> None:
        if tokenizer.bos_id is not None and tokenizer.adds_bos:
            name = tokenizer.token_bytes(tokenizer.bos_id).decode()
            ids = tokenizer.encode(name + "hello", add_special=True, parse_special=True)
            assert ids.count(tokenizer.bos_id) == 1

    @EACH_CLASS
    @given(data=st.data(), skip_special=st.booleans(), continues=st.booleans())
    def test_stream_of_any_ids_equals_decode(
        self, tokenizer: Tokenizer, data: st.DataObject, skip_special: bool, continues: bool
    ) -> None:
        ids = data.draw(st.lists(st.integers(0, tokenizer.vocab_size - 1), max_size=30))
        stream = tokenizer.stream(skip_special=skip_special, continues=continues)
        text = "".join([*(stream.push(token_id) for token_id in ids), stream.flush()])
        assert text == tokenizer.decode(ids, skip_special=skip_special, continues=continues)

    def test_stream_emits_whole_characters(self, tokenizer: Tokenizer) -> None:
        stream = tokenizer.stream()
        emitted = [stream.push(token_id) for token_id in tokenizer.encode(MIXED)]
        assert not any("\ufffd" in text for text in emitted)
        assert stream.flush() == ""

    def test_continued_text_is_the_rest_of_the_whole(self, tokenizer: Tokenizer) -> None:
        ids = tokenizer.encode("one two three")
        whole = tokenizer.decode(ids)
        for cut in range(1, len(ids)):
            assert tokenizer.decode(ids[:cut]) + tokenizer.decode(ids[cut:], continues=True) == whole

    def test_lone_surrogate_is_refused_with_its_place(self, tokenizer: Tokenizer) -> None:
        with pytest.raises(TokenizerError, match=r"U\+D83D, at character 2"):
            tokenizer.encode("ab\ud83d")

    @pytest.mark.parametrize("token_id", [-1, 10**9])
    def test_id_outside_the_vocabulary_is_refused(self, tokenizer: Tokenizer, token_id: int) -> None:
        with pytest.raises(TokenizerError, match="outside the vocabulary"):
            tokenizer.decode([token_id])
        with pytest.raises(TokenizerError, match="outside the vocabulary"):
            tokenizer.token_bytes(token_id)
        with pytest.raises(TokenizerError, match="outside the vocabulary"):
            tokenizer.stream().push(token_id)

    def test_token_id_of_no_token_is_none(self, tokenizer: Tokenizer) -> None:
        assert tokenizer.token_id("<no such token>") is None

    def test_threads_get_the_same_ids(self, tokenizer: Tokenizer) -> None:
        texts = [MIXED * n if self.lossless else "hello world " * n for n in range(1, 9)]
        alone = [tokenizer.encode(text) for text in texts]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(tokenizer.encode, texts)) == alone

    @pytest.mark.parametrize("text", ["\0", "a\0b", "\0" * 1000, "\x1b[31m", "\u202e\u2066", "\ufdd0\U0010ffff"])
    def test_odd_characters_do_no_harm(self, tokenizer: Tokenizer, text: str) -> None:
        ids = tokenizer.encode(text)
        assert not self.lossless or tokenizer.decode(ids) == text


def _special_names(tokenizer: Tokenizer) -> list[str]:
    return [tokenizer.token_bytes(token_id).decode() for token_id in sorted(tokenizer.special_ids)[:20]]


def _unknown(tokenizer: Tokenizer) -> set[int]:
    """The id of the unknown token, which ordinary text may well get."""
    return {i for name in ("<unk>", "[UNK]") if (i := tokenizer.token_id(name)) is not None}
