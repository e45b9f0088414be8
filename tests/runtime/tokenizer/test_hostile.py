"""A mebibyte of one character, of every class and for every tokenizer: no crash, and time that grows with the text."""

import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.bpe import ByteLevelTokenizer
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.spm import SentencePieceTokenizer
from tests.helpers.real_models import real_model
from tests.helpers.sentence_piece import sentence_piece_ids
from tests.runtime.tokenizer.test_pretokenizers import ON_TIKTOKEN, _oracle, _tokenizer

CLASSES = {
    "lower": "a", "upper": "Z", "digit": "7", "space": " ", "newline": "\n", "tab": "\t", "punctuation": "!",
    "symbol": "=", "han": "中", "accented": "é", "mark": "\u0301", "emoji": "😀", "nul": "\0", "mixed blanks": " \n",
}  # fmt: skip
MEBI = 1 << 20


@pytest.mark.parametrize("name", ["gpt-2", "llama-bpe", "qwen2", "llama-spm", "bert-bge"])
@pytest.mark.parametrize("character", ["a", " ", "中", "!"])
def test_long_run_does_no_harm(vocabulary: Callable[[str], Tokenizer], name: str, character: str) -> None:
    text = character * (MEBI // 16)
    ids = vocabulary(name).encode(text)
    assert name == "bert-bge" or vocabulary(name).decode(ids) == text


@pytest.mark.slow
@pytest.mark.parametrize("character", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("name", ["gpt-2", "llama-bpe", "qwen2", "llama-spm", "bert-bge"])
def test_time_grows_with_the_text(vocabulary: Callable[[str], Tokenizer], name: str, character: str) -> None:
    _assert_linear(vocabulary(name), character)


@pytest.mark.slow
@pytest.mark.parametrize("character", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("name", ["smollm2-135m", "gemma3-270m", "e5-small-multilingual"])
def test_time_grows_with_the_text_of_catalog_models(name: str, character: str) -> None:
    with GGUFFile.open(real_model(name)) as file:
        _assert_linear(build_tokenizer(file.metadata), character)


@pytest.mark.slow
@pytest.mark.parametrize("character", CLASSES.values(), ids=CLASSES)
@pytest.mark.parametrize("name", ON_TIKTOKEN)
def test_cuts_in_a_long_run_change_no_id(vocabulary: Callable[[str], Tokenizer], name: str, character: str) -> None:
    tokenizer = _tokenizer(name, vocabulary)
    text = (character * MEBI)[:MEBI] + "x"
    assert tokenizer.encode(text) == _oracle(name, tokenizer).encode(text).tolist()


@pytest.mark.slow
def test_cuts_in_a_long_word_change_no_id_of_gemma() -> None:
    with GGUFFile.open(real_model("gemma3-270m")) as file:
        tokenizer = build_tokenizer(file.metadata)
    assert isinstance(tokenizer, SentencePieceTokenizer)
    texts = [(character * MEBI)[:MEBI] + "x" for character in CLASSES.values()]
    assert [tokenizer.encode(text) for text in texts] == sentence_piece_ids(tokenizer, texts)


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_TIKTOKEN)
def test_whole_of_what_is_allowed_is_encoded(vocabulary: Callable[[str], Tokenizer], name: str) -> None:
    tokenizer: ByteLevelTokenizer = _tokenizer(name, vocabulary)
    text = " " * (16 * MEBI)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def _assert_linear(tokenizer: Tokenizer, character: str) -> None:
    """Twice the text takes at most 2.5 times as long, at 1 MiB.

    Somewhere the working set outgrows the processor's caches, and one doubling costs more; a cost that grew with the
    square would show in both.
    """
    tokenizer.encode(character * (MEBI // 8))  # what is built at first use is built now
    times = [_cpu_s(tokenizer, (character * size)[:size]) for size in (MEBI // 2, MEBI, 2 * MEBI)]
    ratios = [after / max(before, 0.02) for before, after in pairwise(times)]
    assert min(ratios) <= 2.5, f"times {times} s"


def _cpu_s(tokenizer: Tokenizer, text: str) -> float:
    """The lesser of two, in CPU time, which a busy machine stretches less."""
    times = []
    for _ in range(2):
        start = time.process_time()
        tokenizer.encode(text)
        times.append(time.process_time() - start)
    return min(times)
