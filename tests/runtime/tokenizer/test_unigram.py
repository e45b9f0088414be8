import random
import unicodedata

import numpy as np
import pytest

from runtime.errors import TokenizerError
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.unigram import normalize
from tests.contracts.tokenizer import TokenizerContract
from tests.helpers.sentence_piece import sentence_piece_ids
from tests.helpers.tiny_vocabularies import unigram

WORDS = {"▁": -4.0, "a": -3.0, "b": -3.5, "ab": -5.0, "▁a": -3.0, "▁ab": -9.0, "你": -5.0, "1": -4.0, "?": -4.0}
SPACE, A, B, AB, SPACE_A, SPACE_AB, YOU, ONE, QUESTION = range(4, 13)
UNKNOWN = 3


class TestTinyVocabulary(TokenizerContract):
    lossless = False  # normalises, and has no bytes to fall back on

    @pytest.fixture(scope="class")
    @classmethod
    def tokenizer(cls) -> Tokenizer:
        return build_tokenizer(unigram(WORDS))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return build_tokenizer(unigram(WORDS))


def test_cut_with_the_highest_sum_of_scores_is_taken(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("ab") == [SPACE_A, B]  # -6.5, against -9 for "▁ab" and -9 for "▁" + "ab"
    assert tokenizer.encode("aab") == [SPACE_A, AB]  # -8, against -9.5 for "▁a" + "a" + "b"


@pytest.mark.parametrize("text", ["a a", "  a \t\n a  ", "a\u3000a", "ａ\u200ba", "a\u0007 a"])
def test_text_is_normalised(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.encode(text) == [SPACE_A, SPACE_A]


@pytest.mark.parametrize(("text", "ids"), [("①", [SPACE, ONE]), ("你？", [SPACE, YOU, QUESTION]), ("", []), ("  ", [])])
def test_compatible_characters_are_one(tokenizer: Tokenizer, text: str, ids: list[int]) -> None:
    assert tokenizer.encode(text) == ids


def test_unknown_characters_in_a_row_are_one_unknown_token(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("axyz") == [SPACE_A, UNKNOWN]


def test_control_token_spelled_out_is_unknown_text(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("</s>") == [SPACE, UNKNOWN]
    assert tokenizer.encode("</s>", parse_special=True) == [2]


def test_spaces_in_a_row_stay_where_the_file_says_so() -> None:
    tokenizer = build_tokenizer(unigram(WORDS, remove_extra_whitespaces=False))
    assert tokenizer.encode("a  a") == [SPACE_A, SPACE, SPACE_A]


def test_start_and_end_are_added_where_they_exist(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("a", add_special=True) == [0, SPACE_A, 2]
    without_start = {**unigram(WORDS), "tokenizer.ggml.bos_token_id": None}
    assert build_tokenizer(without_start).encode("a", add_special=True) == [SPACE_A, 2]


def test_normalisation_is_sentencepiece_s_for_every_character() -> None:
    library = pytest.importorskip("sentencepiece", reason="sentencepiece, the oracle, is not installed")
    theirs = library.SentencePieceNormalizer(rule_name="nmt_nfkc", remove_extra_whitespaces=False)
    # The first came to Unicode after the library's table was made; the next two it treats otherwise since XLM-R was
    # trained, whose own map we follow; the last takes part in two replacements, where the library makes only one.
    exempt = "\U0001f23b\u061c\u200d\u0344"
    characters = [chr(code) for code in range(1, 0x30000) if not 0xD800 <= code < 0xE000 and chr(code) not in exempt]
    different = [c for c in characters if theirs.normalize(f"x{c}x") != "▁" + normalize(f"x{c}x").replace(" ", "▁")]
    assert [f"U+{ord(c):04X}" for c in different if unicodedata.category(c) != "Cn"] == []


def test_ids_are_sentencepiece_s() -> None:
    tokenizer = build_tokenizer(unigram(WORDS))
    rng = random.Random(3)
    texts = ["".join(rng.choices("ab  你①？ｂ\tz", k=30)) for _ in range(200)]
    assert [tokenizer.encode(text) for text in texts] == sentence_piece_ids(tokenizer, texts, rule="nmt_nfkc")


@pytest.mark.parametrize("charsmap", [[1, 2, 3], np.full(40, 255, np.uint8)])
def test_damaged_character_map_is_refused(charsmap: object) -> None:
    with pytest.raises(TokenizerError, match="precompiled_charsmap cannot be read"):
        build_tokenizer(unigram(WORDS, precompiled_charsmap=charsmap))


def test_missing_unknown_token_is_refused() -> None:
    metadata = {**unigram({"a": -1.0}), "tokenizer.ggml.unknown_token_id": 99}
    with pytest.raises(TokenizerError, match="unknown_token_id is 99, but the vocabulary has 5 tokens"):
        build_tokenizer(metadata)
