import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from runtime.errors import TokenizerError
from runtime.tokenizer.build import build_tokenizer
from tests.helpers.tiny_vocabularies import G, byte_level, sentence_piece, unigram, word_piece


@pytest.mark.parametrize("model", [None, "rwkv", ""])
def test_unknown_kind_is_refused_with_what_there_is(model: str | None) -> None:
    with pytest.raises(TokenizerError, match=r"of kind .*; this build has 'gpt2' \(byte-level BPE\), 'llama'"):
        build_tokenizer({G + "model": model})


@pytest.mark.parametrize("pre", ["", "default", "chameleon"])
def test_unknown_pre_tokenizer_is_refused_with_what_there_is(pre: str) -> None:
    with pytest.raises(TokenizerError, match=rf"pre-tokenizer '{pre}', which this build does not have; it has .*qwen2"):
        build_tokenizer(byte_level(pre=pre))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": None}, "no tokenizer.ggml.tokens"),
        ({"tokens": []}, "no tokenizer.ggml.tokens"),
        ({"token_type": [1, 2]}, "token_type has 2 entries for 263 tokens"),
        ({"eos_token_id": 263}, "eos_token_id is 263, but the vocabulary has 263 tokens"),
        ({"bos_token_id": -1}, "bos_token_id is -1"),
    ],
)
def test_data_that_contradicts_itself_is_refused(change: dict[str, Any], message: str) -> None:
    metadata = byte_level() | {G + name: value for name, value in change.items()}
    with pytest.raises(TokenizerError, match=message):
        build_tokenizer(metadata)


WRONG = [
    0,
    -1,
    1.5,
    "x",
    b"x",
    True,
    [],
    ["a"],
    [1],
    [None],
    [b"a"],
    np.arange(5),
    {"a": 1},
    10**30,
    ["\ud800"],
    [10**30],
]


@pytest.mark.parametrize(
    "metadata",
    [byte_level(), byte_level(pre="starcoder"), sentence_piece({"▁": -1.0}), unigram({"▁": -1.0}), word_piece(("▁a",))],
    ids=["bpe", "bpe on tokenizers", "spm", "unigram", "wordpiece"],
)
def test_value_of_a_wrong_type_is_refused_or_harmless(metadata: dict[str, Any]) -> None:
    more = ("add_bos_token", "add_space_prefix", "eot_token_id", "precompiled_charsmap", "pre", "scores", "merges")
    for key in [*metadata, *(G + name for name in more)]:
        for value in WRONG:
            try:
                tokenizer = build_tokenizer({**metadata, key: value})
                tokenizer.decode(tokenizer.encode("a b", add_special=True))
            except TokenizerError as error:
                assert len(str(error)) > 20


def test_text_limit_is_a_parameter() -> None:
    tokenizer = build_tokenizer(byte_level(), max_text_bytes=100)
    assert len(tokenizer.encode("x" * 100)) == 100
    with pytest.raises(TokenizerError, match="at most 100 bytes"):
        tokenizer.encode("x" * 101)


def test_default_text_limit_is_16_mib() -> None:
    with pytest.raises(TokenizerError, match="at most 16,777,216 bytes"):
        build_tokenizer(byte_level()).encode("x" * (16 * 2**20 + 1))


def test_start_token_follows_the_file_then_the_family() -> None:
    assert not build_tokenizer(byte_level()).adds_bos
    assert build_tokenizer(byte_level() | {G + "add_bos_token": True}).adds_bos
    assert build_tokenizer(byte_level(pre="llama-bpe")).adds_bos
    assert build_tokenizer(sentence_piece({})).adds_bos
    assert not build_tokenizer(sentence_piece({}, add_bos_token=False)).adds_bos


def test_generation_ends_at_named_tokens_and_at_those_the_file_names() -> None:
    metadata = byte_level() | {G + "eos_token_id": 260, G + "eot_token_id": 65}
    assert build_tokenizer(metadata).eog_ids == {260, 261, 65}


def test_numpy_metadata_does_as_well_as_lists() -> None:
    metadata = sentence_piece({"a": -1.0, "▁a": -2.0})
    for name in ("scores", "token_type"):
        metadata[G + name] = np.array(metadata[G + name])
    assert build_tokenizer(metadata).encode("a") == [260]


def test_import_brings_no_engine() -> None:
    code = "import runtime.tokenizer.build, sys; print({'tiktoken', 'tokenizers', 'torch'} & set(sys.modules))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output == "set()\n"
