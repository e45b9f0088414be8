"""BLEU, chrF and TER: the figures that sacrebleu publishes, its own intervals and tests, Chinese, and wrong input."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.metrics import bleu, chrf, compare_translations, ter
from tests.helpers.shared_data import ROOT

sacrebleu = pytest.importorskip("sacrebleu", reason="sacrebleu is in the extra 'eval', which is not installed")

PUBLISHED = json.loads((ROOT / "tests" / "golden" / "text_scores.json").read_text("utf-8"))
EXACT = 1e-6  # figures are published to as many places

PREDICTIONS = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
REFERENCES = [
    ["The dog bit the man.", "The dog had bit the man."],
    ["It was not unexpected.", "No one was surprised."],
    ["The man bit him first.", "The man had bitten the dog."],
]
CHINESE = ["他今天去了北京的大学。", "这本书我昨天已经看完了。"]
WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "slept", "all", "day"]
sentences = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)
pairs = st.lists(st.tuples(sentences, sentences), min_size=2, max_size=6)


@pytest.fixture(scope="module")
def corpus() -> tuple[list[str], list[str], list[str]]:
    """References and two systems that make mistakes, the second more of them."""
    rng = np.random.default_rng(5)
    references = [" ".join(rng.choice(WORDS, rng.integers(6, 15))) for _ in range(120)]

    def system(mistakes: float) -> list[str]:
        return [
            " ".join(rng.choice(WORDS) if rng.random() < mistakes else word for word in text.split())
            for text in references
        ]

    return references, system(0.2), system(0.26)


@pytest.mark.parametrize(
    ("predictions", "options", "score"),
    [
        (PREDICTIONS, {}, 48.530827),
        (["", "", ""], {}, 0.0),  # empty answers stay in
        (PREDICTIONS, {"tokenizer": "none"}, 49.1919566),
        (PREDICTIONS, {"tokenizer": "13a"}, 48.530827),
        (PREDICTIONS, {"tokenizer": "intl"}, 43.91623493),
    ],
)
def test_bleu_is_as_published(predictions, options, score) -> None:
    assert bleu(predictions, REFERENCES, **options).figure.value == pytest.approx(score, abs=EXACT)


@pytest.mark.parametrize(
    ("tokenizer", "lowercase", "score"),
    [("13a", False, 8.493), ("none", False, 7.347), ("char", False, 40.8759), ("char", True, 42.0267)],
)
def test_bleu_of_a_sentence_is_as_published(tokenizer, lowercase, score) -> None:
    prediction = "Producția de zahăr primă va fi exprimată în ceea ce privește zahărul alb;"
    reference = "producţia de zahăr brut se exprimă în zahăr alb;"
    found = bleu([prediction], [reference], tokenizer=tokenizer, lowercase=lowercase, effective_order=True)
    assert found.figure.value == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize(
    ("prediction", "reference", "score"),
    [
        (["a"], ["a"], 100.0),
        ([""], ["reference"], 0.0),
        (["a b c"], ["abc"], 100.0),
        (["a", "b"], ["a", "c"], 50.0),
        (["aa"], ["ab"], 25.0),
    ],
)
def test_chrf_is_as_published(prediction, reference, score) -> None:
    assert chrf(prediction, reference).figure.value == pytest.approx(score, abs=EXACT)


@pytest.mark.parametrize(
    ("prediction", "reference", "score"),
    [
        ("aaaa bbbb cccc dddd", "aaaa bbbb cccc dddd", 0),
        ("dddd eeee ffff", "aaaa bbbb cccc", 100),
        ("", "a", 100),
        ("d e f g h a b c", "a b c d e f g h", 100 / 8),  # one shift
    ],
)
def test_ter_is_as_published(prediction, reference, score) -> None:
    assert ter([prediction], [reference]).figure.value == pytest.approx(score, abs=EXACT)


def test_ter_of_real_sentences_is_as_published() -> None:
    case = PUBLISHED["ter"]
    assert ter(case["predictions"], case["references"]).figure.value == pytest.approx(case["score"], abs=0.1)


def test_signatures_name_all_that_matters() -> None:
    version = sacrebleu.__version__
    assert bleu(PREDICTIONS, REFERENCES).signature == (
        f"nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:{version}"
    )
    assert chrf(PREDICTIONS, REFERENCES, word_order=2).signature == (
        f"nrefs:2|case:mixed|eff:yes|nc:6|nw:2|space:no|version:{version}"
    )
    assert ter(PREDICTIONS, REFERENCES).signature == (
        f"nrefs:2|case:lc|tok:tercom|norm:no|punct:yes|asian:no|version:{version}"
    )
    assert str(bleu(PREDICTIONS, REFERENCES)).startswith("BLEU|nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:")


def test_chinese_is_measured_by_its_own_tokenizer() -> None:
    near = [CHINESE[0].replace("北京", "上海"), CHINESE[1]]
    found = bleu(near, CHINESE)
    assert "|tok:zh|" in found.signature
    assert found.figure.value == sacrebleu.corpus_bleu(near, [CHINESE], tokenize="zh").score
    assert "|asian:yes|" in ter(near, CHINESE).signature
    assert ter(near, CHINESE).figure.value == pytest.approx(100 * 2 / 23)  # two of all characters


@pytest.mark.parametrize(("metric", "best"), [(bleu, 100), (chrf, 100), (ter, 0)])
def test_identical_chinese_texts_have_the_best_score(metric, best) -> None:
    assert metric(CHINESE, CHINESE).figure.value == pytest.approx(best)


@pytest.mark.parametrize(
    ("references", "tokenizer"),
    [
        (["The word 你好 means hello."], "13a"),
        (["我有一台手机和一台 ThinkPad 电脑，都很好用。"], "zh"),
        (["私は昨日、新しい電話を買いました。"], "char"),
        (["나는 어제 새 전화를 샀다."], "13a"),
    ],
)
def test_the_tokenizer_follows_the_references(references, tokenizer) -> None:
    assert f"|tok:{tokenizer}|" in bleu(["whatever it is that was said here"], references).signature


def test_predictions_may_have_different_numbers_of_references() -> None:
    references = [["a b c d", "b c d e"], ["c d e f"]]
    found = bleu(["a b c d", "c d e f"], references)
    assert found.signature.startswith("nrefs:var|")
    assert found.figure.value == pytest.approx(100)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(bleu, sacrebleu.metrics.BLEU), (chrf, sacrebleu.metrics.CHRF), (ter, sacrebleu.metrics.TER)],
    ids=["bleu", "chrf", "ter"],
)
def test_the_interval_is_that_of_sacrebleu(ours, theirs, corpus) -> None:
    references, predictions, _ = corpus
    low, high = ours(predictions, references).figure.interval
    theirs_found = theirs().corpus_score(predictions, [references], n_bootstrap=1000)
    mean, half = float(theirs_found._mean), float(theirs_found._ci)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)  # other draws: a tenth of the width
    assert (low + high) / 2 == pytest.approx(mean, abs=0.1 * half)


def test_the_p_value_is_that_of_sacrebleu(corpus) -> None:
    references, first, second = corpus
    found = compare_translations(first, second, references)
    metrics = {"BLEU": sacrebleu.metrics.BLEU(references=[references])}
    systems = [("first", first), ("second", second)]
    _, table = sacrebleu.significance.PairedTest(systems, metrics, None, test_type="ar")()
    assert found.a == pytest.approx(table["BLEU"][0].score)
    assert found.b == pytest.approx(table["BLEU"][1].score)
    assert found.p_value == pytest.approx(table["BLEU"][1].p_value, abs=0.01)
    assert found.difference.value == pytest.approx(found.a - found.b)


@pytest.mark.parametrize("metric", ["bleu", "chrf", "ter"])
def test_a_system_does_not_differ_from_itself(metric, corpus) -> None:
    references, first, _ = corpus
    found = compare_translations(first, first, references, metric=metric)
    assert (found.difference.value, found.difference.interval, found.p_value) == (0, (0, 0), 1)


def test_sentences_of_one_document_are_drawn_together(corpus) -> None:
    references, predictions, _ = corpus
    tenfold = [text for text in predictions for _ in range(10)]
    documents = [idx for idx in range(len(predictions)) for _ in range(10)]
    all_references = [text for text in references for _ in range(10)]
    low, high = bleu(predictions, references).figure.interval
    clustered = bleu(tenfold, all_references, clusters=documents).figure
    assert clustered.interval == pytest.approx((low, high))  # ten copies say nothing new
    assert "over 120 clusters" in clustered.method


@given(pairs)
@settings(max_examples=25, deadline=None)
def test_scores_stay_in_bounds_and_do_not_mind_the_order(texts) -> None:
    predictions, references = zip(*texts, strict=True)
    for metric in (bleu, chrf, ter):
        found = metric(predictions, references).figure.value
        assert 0 <= found <= (np.inf if metric is ter else 100 + EXACT)
        assert metric(predictions[::-1], references[::-1]).figure.value == pytest.approx(found)


def test_without_the_extra_it_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'appkit-llm\[eval\]'"):
        bleu(["a"], ["a"])


def test_a_tokenizer_that_would_be_fetched_is_refused() -> None:
    with pytest.raises(ValueError, match="tokenizer is 'flores200'; choose one of 13a, zh"):
        bleu(["a"], ["a"], tokenizer="flores200")


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="choose bleu, chrf or ter"):
        compare_translations(["a"], ["b"], ["a"], metric="meteor")
