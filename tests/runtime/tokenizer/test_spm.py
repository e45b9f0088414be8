import functools
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import TokenizerError
from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.spm import SentencePieceTokenizer
from tests.contracts.tokenizer import MIXED, TokenizerContract
from tests.helpers.real_models import real_model
from tests.helpers.sentence_piece import sentence_piece_ids
from tests.helpers.tiny_vocabularies import sentence_piece

WORDS = {"▁": -9.0, "a": -8.0, "b": -7.0, "ab": -1.0, "ba": -2.0, "▁ab": -3.0}
SPACE, A, B, AB, BA, SPACE_AB = range(259, 265)


class TestTinyVocabulary(TokenizerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def tokenizer(cls) -> Tokenizer:
        return build_tokenizer(sentence_piece(WORDS))


class TestTinyVocabularyWithoutSpacePrefix(TokenizerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def tokenizer(cls) -> Tokenizer:
        return build_tokenizer(sentence_piece(WORDS, add_space_prefix=False))


class TestGemma(TokenizerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def tokenizer(cls) -> Tokenizer:
        return _gemma(real_model("gemma3-270m"))


def test_best_score_is_merged_first() -> None:
    tokenizer = build_tokenizer(sentence_piece(WORDS, add_space_prefix=False))
    assert tokenizer.encode("bab") == [B, AB]  # "ab" scores above "ba", which stands further left
    assert tokenizer.encode(" ab") == [SPACE_AB]


def test_leftmost_of_equal_scores_is_merged_first() -> None:
    tokenizer = build_tokenizer(sentence_piece({**WORDS, "ab": -1.0, "ba": -1.0}, add_space_prefix=False))
    assert tokenizer.encode("bab") == [BA, B]


def test_space_is_put_in_front_and_taken_away() -> None:
    tokenizer = build_tokenizer(sentence_piece(WORDS))
    assert tokenizer.encode("ab") == [SPACE_AB]
    assert tokenizer.decode([SPACE_AB]) == "ab"
    assert tokenizer.decode([SPACE_AB], continues=True) == " ab"


def test_space_goes_in_front_again_after_a_special_token() -> None:
    tokenizer = build_tokenizer(sentence_piece(WORDS))
    ids = tokenizer.encode("ab</s>ab", parse_special=True)
    assert ids == [SPACE_AB, 2, SPACE_AB]
    assert tokenizer.decode(ids, skip_special=False) == "ab</s>ab"


def test_character_without_a_token_becomes_its_bytes() -> None:
    tokenizer = build_tokenizer(sentence_piece(WORDS, add_space_prefix=False))
    assert tokenizer.encode("世") == [3 + byte for byte in "世".encode()]


def test_missing_byte_token_is_refused_by_name() -> None:
    metadata = sentence_piece(WORDS)
    metadata["tokenizer.ggml.token_type"][3 + 0xE4] = 5  # <0xE4> is no longer a byte token
    with pytest.raises(TokenizerError, match=r"'世': it has no token for byte 0xE4"):
        build_tokenizer(metadata).encode("世")


def test_control_token_is_never_merged_from_text() -> None:
    tokenizer = build_tokenizer(
        sentence_piece({**WORDS, "<": -8.0, "/": -8.0, "</": -4.0, "s>": -4.0, "s": -8, ">": -8})
    )
    assert 2 not in tokenizer.encode("</s>")
    assert tokenizer.decode(tokenizer.encode("</s>")) == "</s>"


def test_byte_token_s_name_in_a_text_is_text() -> None:
    tokenizer = build_tokenizer(sentence_piece(WORDS))
    assert tokenizer.decode(tokenizer.encode("<0x41>")) == "<0x41>"


@pytest.mark.parametrize("name", ["<0x4>", "<0xZZ>", "A"])
def test_byte_token_spelled_wrongly_is_refused(name: str) -> None:
    metadata = sentence_piece(WORDS)
    metadata["tokenizer.ggml.tokens"][3] = name
    with pytest.raises(TokenizerError, match="byte token 3 is spelled"):
        build_tokenizer(metadata)


@pytest.mark.parametrize("scores", [[], [0.0], [float("nan")] * 265])
def test_scores_that_do_not_fit_are_refused(scores: list[float]) -> None:
    with pytest.raises(TokenizerError, match=r"tokenizer.ggml.scores"):
        build_tokenizer({**sentence_piece(WORDS), "tokenizer.ggml.scores": scores})


def test_llama_2_equals_sentencepiece(vocabulary: Callable[[str], Tokenizer]) -> None:
    tokenizer = vocabulary("llama-spm")
    assert isinstance(tokenizer, SentencePieceTokenizer)
    texts = _texts()
    assert [tokenizer.encode(text) for text in texts] == sentence_piece_ids(tokenizer, texts)


def test_gemma_equals_sentencepiece() -> None:
    tokenizer = _gemma(real_model("gemma3-270m"))
    texts = _texts()
    assert [tokenizer.encode(text) for text in texts] == sentence_piece_ids(tokenizer, texts)


def test_long_words_get_the_same_ids_from_every_way_of_merging() -> None:
    merger = _gemma(real_model("gemma3-270m"))._ready()
    rng = random.Random(1)
    words = ["".join(rng.choices(alphabet, k=3000)) for alphabet in ("ab", "abcdefgh", "中国人的一", "!=-", "éàñ😀")]
    by_heap = [merger._symbol_ids(merger._merge_long(word)) for word in words]
    assert [merger._symbol_ids(merger._merge_short(word)) for word in words] == by_heap
    merger.encode("x" * 30_000)  # enough to bring in the faster engine
    assert merger._ranked is not None
    assert [merger.encode(word) for word in words] == by_heap


@functools.cache
def _gemma(path: Path) -> SentencePieceTokenizer:
    tokenizer = build_tokenizer(GGUFFile.open(path).metadata)
    assert isinstance(tokenizer, SentencePieceTokenizer)
    return tokenizer


def _texts() -> list[str]:
    """Random strings over a few alphabets that make many merges compete, and a mixed text."""
    rng = random.Random(5)
    alphabets = ["ab ", "aA b", " =-", "你好，。", "<>/a\n", "é😀\u0301", "the quick brown fox"]
    return [MIXED, *("".join(rng.choices(alphabet, k=k)) for alphabet in alphabets for k in (3, 17, 60, 400))]
