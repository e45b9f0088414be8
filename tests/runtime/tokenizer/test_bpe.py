from collections.abc import Callable

import pytest

from runtime.errors import TokenizerError
from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.bpe import byte_alphabet, split_merge
from runtime.tokenizer.build import build_tokenizer
from tests.contracts.tokenizer import TokenizerContract
from tests.helpers.real_models import real_model
from tests.helpers.tiny_vocabularies import G, byte_level

H, E, L, O, SPACE, W = (ord(character) for character in "helo w")  # noqa: E741
HE, LL, HELL, SPACE_W = 256, 257, 258, 259


class TestTinyVocabulary(TokenizerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def tokenizer(cls) -> Tokenizer:
        return build_tokenizer(byte_level())


class TestTinyVocabularyOnTheOtherEngine(TokenizerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def tokenizer(cls) -> Tokenizer:
        return build_tokenizer(byte_level(pre="starcoder"))


class TestSmolLM2(TokenizerContract):
    lossless = False  # 21 bytes have no token

    @pytest.fixture(scope="class")
    @classmethod
    def tokenizer(cls) -> Tokenizer:
        return build_tokenizer(GGUFFile.open(real_model("smollm2-135m")).metadata)

    @pytest.mark.parametrize("text", ["\0", "a\0b", "\x1b[31m", "保修期是多久？ 👩‍👩‍👧‍👦\r\n"])
    def test_odd_characters_do_no_harm(self, tokenizer: Tokenizer, text: str) -> None:
        assert tokenizer.decode(tokenizer.encode(text)) == text

    @pytest.mark.parametrize(("text", "byte"), [("ab\x04", "0x04"), ("\x13", "0x13"), ("plane \U00040000", "0xF1")])
    def test_byte_without_a_token_is_refused_by_name(self, tokenizer: Tokenizer, text: str, byte: str) -> None:
        with pytest.raises(TokenizerError, match=rf"no token for byte {byte} \(it lacks 21 of the 256\)"):
            tokenizer.encode(text)


@pytest.mark.parametrize("pre", ["gpt-2", "starcoder"])
def test_merges_are_applied_in_their_order(pre: str) -> None:
    tokenizer = build_tokenizer(byte_level(pre=pre))
    assert tokenizer.encode("hello w") == [HELL, O, SPACE_W]
    assert tokenizer.encode("hel") == [HE, L]


@pytest.mark.parametrize("pre", ["gpt-2", "starcoder"])
def test_user_defined_token_is_always_matched(pre: str) -> None:
    tokenizer = build_tokenizer(byte_level(pre=pre))
    assert tokenizer.encode("h<tool>l") == [H, tokenizer.token_id("<tool>"), L]
    assert tokenizer.decode(tokenizer.encode("h<tool>l")) == "h<tool>l"


def test_missing_merges_are_refused() -> None:
    metadata = byte_level()
    del metadata[G + "merges"]
    with pytest.raises(TokenizerError, match=r"no tokenizer\.ggml\.merges"):
        build_tokenizer(metadata)


@pytest.mark.parametrize("merge", ["", "a", "ab ", " "])
def test_merge_that_is_not_two_tokens_is_refused(merge: str) -> None:
    with pytest.raises(TokenizerError, match="which is not two tokens"):
        split_merge(merge)


def test_merge_may_begin_with_a_space() -> None:
    assert split_merge("  a") == (" ", "a")


def test_byte_alphabet_is_one_printable_character_a_byte() -> None:
    alphabet = byte_alphabet()
    assert len(set(alphabet.values())) == 256
    assert (alphabet[ord("a")], alphabet[ord(" ")], alphabet[0]) == ("a", "Ġ", "Ā")


def test_token_spelled_in_the_vocabulary_is_found(vocabulary: Callable[[str], Tokenizer]) -> None:
    tokenizer = vocabulary("qwen2")
    found = tokenizer.token_id("Ġhello")
    assert found is not None
    assert tokenizer.token_bytes(found) == b" hello"
