"""Token F1 and ROUGE-L, worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.metrics.token_overlap import best_of, exact_match, normalised_tokens, rouge_l, token_f1


def test_articles_punctuation_and_case_do_not_count() -> None:
    assert normalised_tokens("The Cat's  hat, a HAT!") == ["cats", "hat", "hat"]


def test_a_chinese_character_is_a_token() -> None:
    assert normalised_tokens("保修2年。") == ["保", "修", "2", "年"]


@pytest.mark.parametrize(("answer", "same"), [("The 2 years.", 1), ("2 Years", 1), ("2 years long", 0), ("", 0)])
def test_an_exact_match_is_the_same_tokens(answer: str, same: float) -> None:
    assert exact_match(answer, "2 years") == same


def test_f1_is_the_harmonic_mean_over_a_bag_of_tokens() -> None:
    # said: two years long (3); wanted: years two (2); common 2 → 2·2 / (3 + 2)
    assert token_f1("two years long", "years two") == pytest.approx(0.8)


def test_rouge_l_minds_the_order() -> None:
    # longest common subsequence: one token → 2·1 / (3 + 2)
    assert rouge_l("two years long", "years two") == pytest.approx(0.4)
    assert rouge_l("it lasts two long years", "it lasts two years") == pytest.approx(8 / 9)


@pytest.mark.parametrize("measure", [token_f1, rouge_l])
def test_nothing_in_common_is_zero_and_the_same_is_one(measure) -> None:  # type: ignore[no-untyped-def]
    assert (measure("pump", "hose"), measure("pump", ""), measure("a pump", "the pump"), measure("", "")) == (
        0,
        0,
        1,
        1,
    )


def test_the_best_reference_counts() -> None:
    assert best_of(token_f1, "two years", ["blue", "two years"]) == 1.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_rouge_l_never_exceeds_f1(answer: str, reference: str) -> None:
    assert 0 <= rouge_l(answer, reference) <= token_f1(answer, reference) + 1e-9 <= 1 + 1e-9
