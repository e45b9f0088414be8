"""Six real vocabularies against the ids their reference gives, and against the contract."""

from collections.abc import Callable

import pytest

from runtime.tokenizer.base import Tokenizer
from tests.contracts.tokenizer import TokenizerContract
from tests.helpers.shared_data import shared_data

NAMES = ["gpt-2", "llama-bpe", "qwen2", "llama-spm", "phi-3", "bert-bge"]
Open = Callable[[str], Tokenizer]


@pytest.mark.parametrize("name", NAMES)
def test_every_case_gives_the_reference_ids(vocabulary: Open, name: str) -> None:
    tokenizer = vocabulary(name)
    base = shared_data("tokenizer-vocabs") / f"ggml-vocab-{name}.gguf"
    texts = base.with_suffix(".gguf.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    lines = base.with_suffix(".gguf.out").read_text().split("\n")
    assert len(texts) == len(lines) == 47
    assert [tokenizer.encode(text) for text in texts] == [[int(i) for i in line.split()] for line in lines]


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("gpt-2", {"<|endoftext|>"}),
        ("llama-bpe", {"<|end_of_text|>", "<|eot_id|>"}),
        ("qwen2", {"<|endoftext|>", "<|im_end|>"}),
        ("llama-spm", {"</s>"}),
        ("phi-3", {"<|endoftext|>", "<|end|>"}),
    ],
)
def test_generation_ends_at_the_family_s_own_tokens(vocabulary: Open, name: str, ends: set[str]) -> None:
    tokenizer = vocabulary(name)
    assert {tokenizer.token_bytes(token_id).decode() for token_id in tokenizer.eog_ids} == ends


@pytest.mark.parametrize(("name", "adds"), [("gpt-2", False), ("llama-bpe", True), ("qwen2", False), ("phi-3", True)])
def test_start_token_is_wanted_where_the_family_does(vocabulary: Open, name: str, adds: bool) -> None:
    assert vocabulary(name).adds_bos is adds


def test_space_after_phi_3_s_special_token_is_swallowed(vocabulary: Open) -> None:
    tokenizer = vocabulary("phi-3")
    ids = tokenizer.encode("<|user|>\n Hi<|end|>\n", parse_special=True)
    assert [tokenizer.token_bytes(i) for i in ids] == [b"<|user|>", b" Hi", b"<|end|>"]


def test_vocab_size_counts_all_tokens(vocabulary: Open) -> None:
    assert vocabulary("qwen2").vocab_size == 151936


class RealVocabulary(TokenizerContract):
    name = ""

    @pytest.fixture(scope="class")
    @classmethod
    def tokenizer(cls, vocabulary: Open) -> Tokenizer:
        return vocabulary(cls.name)


class TestGpt2(RealVocabulary):
    name = "gpt-2"


class TestLlama3(RealVocabulary):
    name = "llama-bpe"


class TestQwen2(RealVocabulary):
    name = "qwen2"


class TestLlama2(RealVocabulary):
    name = "llama-spm"


class TestPhi3(RealVocabulary):
    name = "phi-3"


class TestBert(RealVocabulary):
    name = "bert-bge"
    lossless = False  # lower-cases, and an unknown word is one token
