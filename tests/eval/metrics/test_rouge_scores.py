"""ROUGE: the figures of ROUGE-1.5.5 that rouge-score publishes, every script, and what it is called."""

import json
import sys
from importlib.metadata import version

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import rouge
from eval.metrics.rouge_scores import ROUGE_TYPES
from eval.metrics.tokens import text_tokens
from tests.helpers.shared_data import ROOT

pytest.importorskip("rouge_score", reason="rouge-score is in the extra 'eval', which is not installed")

PUBLISHED = json.loads((ROOT / "tests" / "golden" / "text_scores.json").read_text("utf-8"))["rouge"]
SENTENCES = {
    "Chinese": "他今天去了北京的大学。",
    "Japanese": "私は昨日、電話を買いました。",
    "Korean": "나는 어제 새 전화를 샀다.",
    "Russian": "Он вчера купил новую книгу.",
    "Spanish": "Cristóbal está aquí.",
    "mixed": "我用 Python 写了一个 RAG 程序。",
}
texts = st.text("abcd 中文。\n", min_size=1, max_size=30).filter(str.strip)


@pytest.mark.parametrize("case", PUBLISHED, ids=[f"case{i}" for i in range(len(PUBLISHED))])
@pytest.mark.parametrize("tokenizer", ["words-cjk", "rouge-score"])
def test_figures_are_those_of_rouge_1_5_5(case, tokenizer) -> None:
    found = rouge([case["prediction"]], [case["reference"]], stemmer=case["stemmer"], tokenizer=tokenizer)
    for name in set(case) & set(ROUGE_TYPES):
        score = found[name]
        values = [score.precision.value, score.recall.value, score.f1.value]
        assert values == pytest.approx(case[name], abs=5e-6), name


@pytest.mark.parametrize(
    ("prediction", "name", "values"),
    [
        ("testing", "rouge1", (1, 1 / 3, 1 / 2)),
        ("testing one", "rouge2", (1, 1 / 2, 2 / 3)),
        ("testing two", "rougeL", (1, 2 / 3, 4 / 5)),
        ("", "rougeL", (0, 0, 0)),
        ("/", "rougeLsum", (0, 0, 0)),
    ],
)
def test_small_figures_are_as_published(prediction, name, values) -> None:
    score = rouge([prediction], ["testing one two"])[name]
    assert (score.precision.value, score.recall.value, score.f1.value) == pytest.approx(values)


def test_lsum_joins_what_is_found_in_several_lines() -> None:
    score = rouge(["w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5"], ["w1 w2 w3 w4 w5"])["rougeLsum"]
    assert (score.recall.value, score.precision.value) == (0.8, 0.4)


@pytest.mark.parametrize("language", SENTENCES)
def test_identical_texts_score_one_in_every_script(language) -> None:
    text = SENTENCES[language]
    found = rouge([text], [text])
    assert [found[name].f1.value for name in ROUGE_TYPES] == [1.0] * 4


def test_the_tokenizer_of_rouge_score_finds_nothing_in_chinese() -> None:
    text = SENTENCES["Chinese"]
    assert rouge([text], [text], tokenizer="rouge-score")["rouge1"].f1.value == 0


def test_chinese_is_compared_by_character() -> None:
    # 5 of 6 characters in order; of the 5 pairs of neighbours in each, 3
    found = rouge(["他去了北京。"], ["他去过北京。"])
    assert found["rougeL"].f1.value == pytest.approx(4 / 5)
    assert found["rouge2"].f1.value == pytest.approx(2 / 4)


@pytest.mark.parametrize(("stemmer", "name"), [(False, "no"), (True, "porter")])
def test_the_signature_names_all_that_matters(stemmer, name) -> None:
    found = rouge(["a b"], [["a b", "c"]], stemmer=stemmer)
    package = f"rouge-score:{version('rouge-score')}"
    assert found.signature == f"nrefs:2|tok:words-cjk|stem:{name}|sents:lines|agg:mean|{package}"


def test_the_best_reference_counts_for_each_kind() -> None:
    found = rouge(["a b c"], [["x y z", "a b c"]])
    assert found["rouge2"].f1.value == 1


def test_every_sample_keeps_its_place() -> None:
    found = rouge(["a b", "c d", "x"], ["a b", "c e", "y"])
    assert found["rouge1"].f1_of_each == (1.0, 0.5, 0.0)
    assert found["rouge1"].f1.value == pytest.approx(0.5)


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_tokens_of_ascii_text_are_those_of_rouge_score(text) -> None:
    from rouge_score.tokenize import tokenize

    assert text_tokens(text) == tokenize(text, None)


@given(texts, texts)
@settings(max_examples=50, deadline=None)
def test_f1_is_bounded_symmetric_and_never_more_in_order_than_in_all(a, b) -> None:
    there, back = rouge([a], [b]), rouge([b], [a])
    for name in ("rouge1", "rouge2", "rougeL"):
        assert 0 <= there[name].f1.value <= 1
        assert there[name].f1.value == pytest.approx(back[name].f1.value)
        assert there[name].precision.value == pytest.approx(back[name].recall.value)
    assert there["rougeL"].f1.value <= there["rouge1"].f1.value + 1e-12


@given(st.lists(st.tuples(texts, texts), min_size=2, max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_the_mean_does_not_mind_the_order_of_samples(samples, random) -> None:
    shuffled = random.sample(samples, len(samples))
    first, second = (rouge(*zip(*some, strict=True))["rougeL"].f1 for some in (samples, shuffled))
    assert first.value == pytest.approx(second.value)


def test_without_the_extra_it_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score.rouge_scorer", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'appkit-llm\[eval\]'"):
        rouge(["a"], ["a"])


def test_an_unknown_tokenizer_is_refused() -> None:
    with pytest.raises(ValueError, match="choose words-cjk or rouge-score"):
        rouge(["a"], ["a"], tokenizer="jieba")
