"""The search in Python and the engine give the same ids for any text."""

import random
import time

import pytest

from runtime import load_model
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.unigram import UnigramTokenizer
from runtime.tokenizer.unigram_search import UnigramSearch
from tests.helpers.real_models import real_model
from tests.helpers.tiny_vocabularies import unigram

# Scores that make many cuts equal, words inside words, and tokens whose letters alone are unknown.
WORDS = {"▁": -4.0, "a": -2.0, "b": -2.0, "ab": -4.0, "aba": -6.0, "▁a": -6.0, "▁ab": -8.0, "xy": -9.0, "你": -5.0}
OVER_SPACES = {**WORDS, "a▁b": -3.0, "▁▁": -1.0}


def both_ways(tokenizer: UnigramTokenizer, text: str) -> tuple[list[int], list[int]]:
    search = tokenizer._build_search()
    (engine,) = tokenizer._ready().encode_batch_fast([text], add_special_tokens=False)
    return search.cut(text), list(engine.ids)


@pytest.mark.parametrize("words", [WORDS, OVER_SPACES], ids=["one word", "over spaces"])
@pytest.mark.parametrize("adds_space", [True, False])
def test_random_texts_are_cut_as_the_engine_cuts_them(words: dict[str, float], adds_space: bool) -> None:
    tokenizer = build_tokenizer(unigram(words, add_space_prefix=adds_space, remove_extra_whitespaces=False))
    assert isinstance(tokenizer, UnigramTokenizer)
    rng = random.Random(5)
    for _ in range(500):
        text = "".join(rng.choices("aabbxyzé你  ▁", k=rng.randint(1, 12)))
        ours, engine = both_ways(tokenizer, text)
        assert ours == engine, text


def test_a_run_of_unknown_characters_is_one_token_and_never_a_control_token() -> None:
    search = UnigramSearch({"▁": 1, "a": 2}, [0.0, -1.0, -1.0], 0, adds_space=True, one_word=True)
    assert search.cut("xyz axx") == [1, 0, 1, 2, 0]


TEXTS = (
    "How often must the strainer be cleaned?",
    "保修期是多久？压缩机的保修期为十年，条件是机组每 24 个月保养一次。",
    "Ünïcödé, naïve — 𝔘𝔫𝔦 😀👍🏽 مرحبا שלום ไทย 한국어 日本語 ελληνικά",
    "    def f(x):\n        return x ** 2  # ~~~ !!! ###",
    "a" * 300,
    "Donaudampfschifffahrtsgesellschaftskapitän " * 3,
)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_the_real_vocabulary_is_cut_as_the_engine_cuts_it(text: str) -> None:
    with load_model(real_model("e5-small-multilingual")) as model:
        tokenizer = model.tokenizer
        assert isinstance(tokenizer, UnigramTokenizer)
        early = tokenizer.encode(text)
        assert tokenizer._engine is None
        tokenizer.prepare()
        assert tokenizer.encode(text) == early


def test_the_first_question_waits_for_no_engine() -> None:
    with load_model(real_model("e5-small-multilingual")) as model:
        started = time.process_time()
        model.tokenizer.encode(TEXTS[0])
        assert time.process_time() - started < 0.3  # 0.05 s; the engine takes 0.6 s


def test_much_text_is_worth_the_engine() -> None:
    tokenizer = build_tokenizer(unigram(WORDS))
    assert isinstance(tokenizer, UnigramTokenizer)
    expected = tokenizer.encode("ab ab")
    assert tokenizer._engine is None
    tokenizer.encode("ab " * 10_000)
    assert tokenizer._engine is not None
    assert tokenizer.encode("ab ab") == expected
