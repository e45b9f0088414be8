from collections.abc import Callable

import pytest

from runtime.errors import TokenizerError
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.build import build_tokenizer
from tests.helpers.tiny_vocabularies import word_piece

WORDS = ("▁hug", "ging", "g", "▁h", "▁世", "界", "▁界", "▁!", "▁cafe")
HUG, GING, G, H, WORLD, BOUND_REST, BOUND, BANG, CAFE = range(4, 13)
UNKNOWN = 1


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return build_tokenizer(word_piece(WORDS))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("hug", [HUG]),
        ("HUGGING!", [HUG, GING, BANG]),
        ("Café", [CAFE]),
        ("世界", [WORLD, BOUND]),  # each Chinese character is a word of its own
        ("hugx hug", [UNKNOWN, HUG]),
        ("  ", []),
        ("hug" + "g" * 98, [UNKNOWN]),  # 101 characters
    ],
)
def test_words_are_cut_into_the_longest_tokens(tokenizer: Tokenizer, text: str, ids: list[int]) -> None:
    assert tokenizer.encode(text) == ids


def test_start_and_end_always_stand_around() -> None:
    tokenizer = build_tokenizer({**word_piece(WORDS), "tokenizer.ggml.add_eos_token": False})
    assert tokenizer.encode("hug", add_special=True) == [2, HUG, 3]


def test_continuations_join_and_words_do_not(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode([2, HUG, GING, HUG, 3]) == "hugging hug"


def test_vocabulary_without_an_unknown_token_is_refused() -> None:
    metadata = word_piece(WORDS)
    del metadata["tokenizer.ggml.unknown_token_id"]
    with pytest.raises(TokenizerError, match=r"needs tokenizer\.ggml\.unknown_token_id"):
        build_tokenizer(metadata)


def test_equals_the_reference_tokenizer(vocabulary: Callable[[str], Tokenizer]) -> None:
    transformers = pytest.importorskip("transformers")
    ours = vocabulary("bert-bge")
    words = {(_bert(ours.token_bytes(i).decode(), i in ours.special_ids)): i for i in range(ours.vocab_size)}
    reference = transformers.BertTokenizer(vocab=words)
    texts = [
        "Hello, y'all! naïve CAFÉ",
        "保修期是多久？ x",
        "a\u0301b\ufffd c\0d",
        "100% [CLS-like] _under_score_",
        "ﬁ①",
    ]
    assert [ours.encode(t) for t in texts] == [reference.encode(t, add_special_tokens=False) for t in texts]


def _bert(piece: str, is_special: bool) -> str:
    if is_special or (piece.startswith("[") and piece.endswith("]")):
        return piece
    return piece[1:] if piece.startswith(" ") else "##" + piece
