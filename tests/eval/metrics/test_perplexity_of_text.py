"""Perplexity by recipe: against formulas, a plain transformers loop, what llama.cpp prints, and wrong input."""

import math
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from eval.metrics import perplexity
from runtime import Engine, load_model
from tests.helpers.byte_tokenizer import ByteTokenizer
from tests.helpers.real_models import real_model
from tests.helpers.shared_data import shared_data
from tests.helpers.tiny_model import write_tiny_model

LN2 = math.log(2)
STREAM = "".join(chr(97 + (i * i + i // 3) % 26) for i in range(100))


def known_logprob(token_id: int, position: int) -> float:
    """What the synthetic model gives `token_id` after `position` tokens: any rule that depends on both will do."""
    return -(0.1 + (token_id % 13) / 5 + position / 100)


@dataclass
class SyntheticEngine:
    """Scores by `known_logprob`; one token a byte."""

    max_seq_len: int = 40
    adds_bos: bool = False
    logprob: Any = known_logprob
    model: Any = field(init=False)

    def __post_init__(self) -> None:
        tokenizer = ByteTokenizer([])
        tokenizer.adds_bos, tokenizer.bos_id = self.adds_bos, tokenizer.eos_id if self.adds_bos else None
        self.model = SimpleNamespace(tokenizer=tokenizer, name="synthetic")

    def score(self, prompt_ids, continuation_ids, adapter=None) -> np.ndarray:
        assert len(prompt_ids) + len(continuation_ids[:-1]) <= self.max_seq_len
        start = len(prompt_ids)
        return np.array([self.logprob(one, start + i) for i, one in enumerate(continuation_ids)], np.float32)


@pytest.fixture(scope="module")
def tiny_engine(tmp_path_factory):
    path = write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")
    with load_model(path, kv_dtype="f32") as model, Engine(model) as engine:
        yield engine


def test_llama_cpp_is_its_formula_on_a_known_stream() -> None:
    window, losses = 16, []
    for chunk in range(len(STREAM) // window):
        for j in range(window // 2, window - 1):  # as llama.cpp counts: the logits at j are about the token at j + 1
            losses.append(-known_logprob(ord(STREAM[chunk * window + j + 1]), j + 1))
    found = perplexity(SyntheticEngine(), STREAM, recipe="llama.cpp", window=window)
    mean, mean_of_squares = sum(losses) / len(losses), sum(x * x for x in losses) / len(losses)
    assert found.perplexity.value == pytest.approx(math.exp(mean))
    error = math.sqrt((mean_of_squares - mean**2) / (len(losses) - 1))
    assert found.standard_error == pytest.approx(error * math.exp(mean), rel=1e-5)
    assert (found.num_windows, found.num_scored, found.num_bytes, found.num_tokens) == (6, 42, 42, 100)


def test_rolling_is_its_formula_on_a_known_stream() -> None:
    # 100 tokens, 32 at a time: three windows, the later ones after one token; the last 4 after 29 of the window before
    positions = [*range(1, 33), *range(1, 33), *range(1, 33), *range(29, 33)]
    loss = -sum(known_logprob(ord(letter), position) for letter, position in zip(STREAM, positions, strict=True))
    found = perplexity(SyntheticEngine(), STREAM, recipe="rolling", window=32)
    assert found.perplexity.value == pytest.approx(math.exp(loss / 100))
    assert found.bits_per_byte.value == pytest.approx(loss / 100 / LN2)
    assert found.start_token == "<eos0>"  # a model without a start token
    assert found.num_scored == found.num_bytes == 100


def test_words_are_counted_as_lm_eval_counts_them() -> None:
    text = "one two  three\n"  # and an empty one after the line break
    found = perplexity(SyntheticEngine(), text, recipe="rolling")
    loss = -sum(known_logprob(ord(letter), i + 1) for i, letter in enumerate(text))
    assert found.word_perplexity is not None
    assert found.word_perplexity.value == pytest.approx(math.exp(loss / 4))


def test_strided_weighs_windows_as_the_documented_loop_does() -> None:
    # 12 tokens, 8 at a time, 4 further each: labels 1…7 count for 7, labels 8…11 for one less than they are
    text = STREAM[:12]
    first = [known_logprob(ord(text[i]), i) for i in range(1, 8)]
    second = [known_logprob(ord(text[i]), i - 4) for i in range(8, 12)]
    mean = (np.mean(first) * 7 + np.mean(second) * 3) / 10
    found = perplexity(SyntheticEngine(), text, recipe="strided", window=8, stride=4)
    assert found.perplexity.value == pytest.approx(math.exp(-mean))
    assert found.bits_per_byte.value == pytest.approx(-(sum(first) + sum(second)) / 11 / LN2)  # no weights here


@pytest.mark.parametrize(("window", "stride"), [(8, 1), (128, 48), (128, 127), (128, 128)])
def test_strided_equals_a_plain_transformers_loop(tiny_engine, rng, window, stride) -> None:
    pytest.importorskip("transformers", reason="the oracle is transformers on torch: make test installs both")
    oracle = pytest.importorskip("tests.helpers.transformers_model")
    text = "".join(rng.choice(list("abcdefgh the on"), 300 if window > 8 else 30))
    theirs = loop_of_the_documentation(
        oracle.transformers_decoder(tiny_engine.model.path), tiny_engine.model.tokenizer.encode(text), window, stride
    )
    ours = perplexity(tiny_engine, text, recipe="strided", window=window, stride=stride).perplexity.value
    assert ours == pytest.approx(theirs, rel=1e-5)  # asked for: 1e-3


def loop_of_the_documentation(model: Any, ids: list[int], max_length: int, stride: int) -> float:
    """Perplexity as "Perplexity of fixed-length models" of the transformers documentation adds it up."""
    import torch

    total, num_labels, scored_end = 0.0, 0, 0
    for begin in range(0, len(ids), stride):
        end = min(begin + max_length, len(ids))
        inputs = torch.tensor([ids[begin:end]])
        labels = inputs.clone()
        labels[:, : -(end - scored_end)] = -100
        with torch.no_grad():
            loss = model(inputs, labels=labels).loss.item()
        num_valid = int((labels != -100).sum()) - 1
        total, num_labels, scored_end = total + loss * num_valid, num_labels + num_valid, end
        if end == len(ids):
            break
    return math.exp(total / num_labels)


def test_a_text_within_one_window_is_the_same_by_window_and_strided(tiny_engine) -> None:
    text = "the cat on the mat"
    first = perplexity(tiny_engine, text, recipe="window", window=200)
    second = perplexity(tiny_engine, text, recipe="strided", window=200, stride=50)
    assert first.perplexity.value == second.perplexity.value
    assert first.bits_per_byte.value == second.bits_per_byte.value
    assert first.num_windows == 1
    assert first.perplexity.interval is None
    assert "the text is shorter than one" in str(first)


@pytest.mark.parametrize(
    ("recipe", "start", "num_scored"),
    [("window", True, 100), ("window", False, 96), ("strided", True, 100), ("strided", False, 99)],
)
def test_a_start_token_lets_the_first_token_be_scored(recipe, start, num_scored) -> None:
    engine = SyntheticEngine(adds_bos=True)
    found = perplexity(engine, STREAM, recipe=recipe, window=32, start_token=start)
    assert found.num_scored == num_scored
    assert found.start_token == ("<eos0>" if start else None)
    assert perplexity(engine, STREAM, recipe=recipe, window=32).start_token == "<eos0>"  # the model's own way


def test_bytes_are_those_of_the_text_in_any_language(tiny_engine) -> None:
    text = "保修期为两年。 the warranty"
    found = perplexity(tiny_engine, text, recipe="rolling")
    assert found.num_bytes == len(text.encode())
    loss = -tiny_engine.score([tiny_engine.model.tokenizer.bos_id], tiny_engine.model.tokenizer.encode(text)).sum()
    assert found.bits_per_byte.value == pytest.approx(loss / LN2 / len(text.encode()))


def test_documents_do_not_see_each_other_and_are_drawn_whole() -> None:
    documents = [STREAM[:50], STREAM[50:90], STREAM[90:]]
    found = perplexity(SyntheticEngine(), documents, recipe="rolling", window=20)
    each = [perplexity(SyntheticEngine(), document, recipe="rolling", window=20) for document in documents]
    mean = sum(math.log(one.perplexity.value) * one.num_scored for one in each) / 100
    assert found.perplexity.value == pytest.approx(math.exp(mean))
    assert "over 3 clusters" in found.perplexity.method


def test_the_first_windows_can_be_scored_alone() -> None:
    seen: list[tuple[int, int]] = []
    found = perplexity(
        SyntheticEngine(), STREAM, recipe="window", window=10, max_windows=2, progress=lambda *at: seen.append(at)
    )
    assert (found.num_windows, found.num_scored, found.num_tokens) == (2, 18, 100)
    assert seen == [(1, 2), (2, 2)]
    assert found.word_perplexity is None


def test_a_small_slice_of_smollm2_is_as_it_was() -> None:
    text = shared_data("wikitext2/valid.txt").read_text("utf-8")[:6000]
    with load_model(real_model("smollm2-135m")) as model, Engine(model) as engine:
        found = perplexity(engine, text, recipe="llama.cpp", window=256, max_windows=4)
    assert found.perplexity.value == pytest.approx(17.229, rel=1e-3)  # the recipe of the slow test below, cut short


@pytest.mark.slow
def test_smollm2_is_what_llama_cpp_prints() -> None:
    """llama-perplexity, 40 chunks of 512 tokens, printed 15.96 +/- 0.47."""
    text = shared_data("wikitext2/valid.txt").read_text("utf-8")
    with load_model(real_model("smollm2-135m")) as model, Engine(model) as engine:
        found = perplexity(engine, text, recipe="llama.cpp", window=512, max_windows=40)
    assert found.perplexity.value == pytest.approx(15.96, rel=0.005)
    assert found.standard_error == pytest.approx(0.47, abs=0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"recipe": "sliding"}, "choose one of window, strided, llama.cpp, rolling"),
        ({"recipe": "llama.cpp", "window": 64}, "takes 4 to 40 tokens"),
        ({"recipe": "rolling", "window": 41}, "takes 1 to 40 tokens"),
        ({"recipe": "window", "window": 1}, "takes 2 to 40 tokens"),
        ({"recipe": "window", "stride": 8}, "only the recipe strided takes one"),
        ({"recipe": "strided", "window": 8, "stride": 9}, "at most the window, 8"),
        ({"recipe": "strided", "window": 8, "stride": 0}, "at least 1"),
        ({"recipe": "rolling", "start_token": False}, "cannot go without"),
        ({"recipe": "window", "start_token": True}, "no start token"),
        ({"max_windows": 0}, "max_windows is 0"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message) -> None:
    with pytest.raises(ValueError, match=message):
        perplexity(SyntheticEngine(), STREAM, **options)


@pytest.mark.parametrize(
    ("text", "recipe", "message"),
    [
        ("too short", "llama.cpp", "has 9 tokens, and the recipe llama.cpp needs two windows, 80"),
        ("", "rolling", "Text 0 has 0 tokens"),
        ("x", "window", "Text 0 has 1 tokens"),
        (["long enough", ""], "rolling", "Text 1 has 0 tokens, none of which follows another: leave it out"),
        ([], "rolling", "There are no texts"),
    ],
)
def test_a_text_too_short_to_score_is_refused(text, recipe, message) -> None:
    with pytest.raises(ValueError, match=message):
        perplexity(SyntheticEngine(), text, recipe=recipe)


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_a_log_probability_that_is_not_finite_is_refused(value) -> None:
    engine = SyntheticEngine(logprob=lambda token_id, position: value if position == 5 else -1.0)
    with pytest.raises(ValueError, match=rf"token 4 of the text the log-probability {value}"):
        perplexity(engine, STREAM, recipe="rolling")


def test_something_else_than_text_is_refused() -> None:
    with pytest.raises(TypeError, match="Text 1 is nan"):
        perplexity(SyntheticEngine(), ["a text", math.nan])
