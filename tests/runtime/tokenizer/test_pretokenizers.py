"""That the patterns are right, and that names which use tiktoken's order of ranks may.

The `tokenizers` engine merges by the pair ranks of the file and takes the patterns one after the other: what the
vocabularies' authors ran. It is the oracle here.
"""

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer import pretokenizers
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.bpe import ByteLevelTokenizer, TokenizersEngine, byte_alphabet
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.pretokenizers import PRE_TOKENIZERS, PreTokenizer
from runtime.tokenizer.vocabulary import NORMAL
from tests.contracts.tokenizer import MIXED
from tests.helpers.real_models import real_model

ON_TIKTOKEN = sorted(name for name, entry in PRE_TOKENIZERS.items() if entry.engine == "tiktoken")
STEPS = {"smollm": (pretokenizers._DIGIT, pretokenizers._GPT2)}  # how the authors cut, where we say it in one pattern


def _tokenizer(name: str, vocabulary: Callable[[str], Tokenizer]) -> ByteLevelTokenizer:
    if name == "smollm":
        tokenizer = build_tokenizer(GGUFFile.open(real_model("smollm2-135m")).metadata)
    else:
        tokenizer = vocabulary(name)
    assert isinstance(tokenizer, ByteLevelTokenizer)
    return tokenizer


def _oracle(name: str, tokenizer: ByteLevelTokenizer) -> TokenizersEngine:
    vocabulary = tokenizer._vocabulary
    ids = {text: i for i, text in enumerate(vocabulary.spellings) if vocabulary.kinds[i] == NORMAL}
    entry = PRE_TOKENIZERS[name]
    steps = PreTokenizer(patterns=STEPS.get(name, entry.patterns), whole_pieces=entry.whole_pieces)
    return TokenizersEngine(ids, list(vocabulary.metadata["tokenizer.ggml.merges"]), steps)


def test_tiktoken_is_used_where_this_file_shows_it_exact() -> None:
    assert ON_TIKTOKEN == ["gpt-2", "llama-bpe", "qwen2", "smollm"]


@pytest.mark.parametrize("name", ON_TIKTOKEN)
def test_ids_equal_the_oracle_s_on_mixed_text(vocabulary: Callable[[str], Tokenizer], name: str) -> None:
    tokenizer = _tokenizer(name, vocabulary)
    oracle = _oracle(name, tokenizer)
    texts = [MIXED, Path(__file__).read_text(encoding="utf-8"), _random_text(tokenizer, 20_000)]
    assert [tokenizer.encode(text) for text in texts] == [oracle.encode(text).tolist() for text in texts]


@pytest.mark.parametrize("name", ON_TIKTOKEN)
def test_every_token_is_what_its_text_encodes_to(vocabulary: Callable[[str], Tokenizer], name: str) -> None:
    """With merges of one token standing together, this is what makes both orders give the same ids everywhere."""
    tokenizer = _tokenizer(name, vocabulary)
    ids = tokenizer._ids_by_rank[256:]
    encodings = _whole_pieces(name, tokenizer, [tokenizer.token_bytes(i) for i in ids.tolist()])
    assert [i for i, encoding in zip(ids.tolist(), encodings, strict=True) if encoding != [i]] == []


@pytest.mark.parametrize("name", [name for name in ON_TIKTOKEN if not PRE_TOKENIZERS[name].whole_pieces])
def test_merges_that_make_one_token_stand_together(vocabulary: Callable[[str], Tokenizer], name: str) -> None:
    merges = list(_tokenizer(name, vocabulary)._vocabulary.metadata["tokenizer.ggml.merges"])
    products = [merge.replace(" ", "") for merge in merges]
    changes = [product for before, product in zip(["", *products], products, strict=False) if before != product]
    assert len(changes) == len(set(products))


def test_patterns_equal_those_transformers_carries() -> None:
    mapping = pytest.importorskip("transformers.integrations.gguf.gguf_tokenizer_mapping")
    theirs = mapping.GGUF_PRE_TOKENIZER_SPLITS
    shared = sorted(PRE_TOKENIZERS.keys() & theirs.keys())
    assert len(shared) > 10
    assert {name: PRE_TOKENIZERS[name].patterns for name in shared} == {name: (theirs[name],) for name in shared}


@pytest.mark.parametrize("name", sorted(PRE_TOKENIZERS))
def test_every_entry_builds_and_keeps_the_text(name: str) -> None:
    alphabet = [byte_alphabet()[byte] for byte in range(256)]
    tokens = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": name, "tokenizer.ggml.tokens": alphabet}
    tokenizer = build_tokenizer({**tokens, "tokenizer.ggml.merges": []})
    assert tokenizer.decode(tokenizer.encode(MIXED)) == MIXED


def _whole_pieces(name: str, tokenizer: ByteLevelTokenizer, pieces: list[bytes]) -> list[list[int]]:
    """Ids of each piece when nothing but merging is done to it."""
    from tokenizers import Tokenizer as Library
    from tokenizers import models

    vocabulary = tokenizer._vocabulary
    ids = {text: i for i, text in enumerate(vocabulary.spellings) if vocabulary.kinds[i] == NORMAL}
    pairs = [tuple(merge.split(" ")) for merge in vocabulary.metadata["tokenizer.ggml.merges"]]
    model = models.BPE(ids, pairs, ignore_merges=PRE_TOKENIZERS[name].whole_pieces)
    alphabet = byte_alphabet()
    texts = ["".join(alphabet[byte] for byte in piece) for piece in pieces]
    return [encoding.ids for encoding in Library(model).encode_batch_fast(texts, add_special_tokens=False)]


def _random_text(tokenizer: ByteLevelTokenizer, length: int) -> str:
    """Characters from all over Unicode, without those the vocabulary has no byte for."""
    rng = random.Random(11)
    ranges = [(9, 14), (32, 127), (32, 33), (0xA0, 0x3000), (0x3000, 0xD7FF), (0xE000, 0xFFFF), (0x1F300, 0x1FAFF)]
    text = (chr(rng.randrange(*rng.choice(ranges))) for _ in range(length))
    present = set(np.flatnonzero(tokenizer._ids_by_rank[:256] >= 0).tolist())
    return "".join(character for character in text if present.issuperset(character.encode()))
