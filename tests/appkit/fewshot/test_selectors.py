"""Each selector on answers worked out by hand, and what holds for all of them."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from appkit.fewshot import (
    BM25,
    MMR,
    Balanced,
    Chain,
    ClosestLength,
    Example,
    FitTokens,
    Fixed,
    NgramOverlap,
    Random,
    Selector,
    Semantic,
)
from appkit.llm.scripted import ScriptedModel
from tests.appkit.fewshot.examples import ROWS, TableEmbedder, make_store
from tests.helpers.tiny_embedder import TinyEmbedder

MODEL = ScriptedModel(["-"])  # a token a character

SELECTORS: dict[str, Callable[[], Selector]] = {
    "fixed": lambda: Fixed(("leak", "pump")),
    "random": lambda: Random(3),
    "semantic": lambda: Semantic(TinyEmbedder(), 3),
    "mmr": lambda: MMR(TinyEmbedder(), 3),
    "bm25": lambda: BM25(3),
    "ngram overlap": lambda: NgramOverlap(3),
    "closest length": lambda: ClosestLength(MODEL, 3),
    "balanced": lambda: Balanced(3),
    "fit tokens": lambda: FitTokens(MODEL, 100),
}


def test_fixed_shows_the_ids_as_listed_whatever_is_asked() -> None:
    selection = Fixed(("title", "pump")).select("", make_store())
    assert selection.ids == ("title", "pump")


def test_fixed_refuses_an_id_that_is_not_there_and_ids_said_twice() -> None:
    with pytest.raises(ValueError, match="There is no example 'nobody' among these 6"):
        Fixed(("pump", "nobody")).select("", make_store())
    with pytest.raises(TypeError, match=r"give a tuple of ids: \('pump',\)"):
        Fixed("pump")
    with pytest.raises(ValueError, match="none twice"):
        Fixed(("pump", "pump"))


def test_random_shows_what_the_seed_drew_in_the_order_of_the_store() -> None:
    store = make_store()
    selection = Random(3, seed=1).select("", store)
    assert list(selection.ids) == [example.id for example in store if example.id in selection.ids]
    # The digests of "1 invoice", "1 noise" and "1 login" are the lowest, in this order: sha256sum says so.
    assert selection.steps[0].ids == ("invoice", "noise", "login")
    assert {Random(3, seed=seed).select("", store).ids for seed in range(20)} > {selection.ids}


def test_random_draws_every_example_about_as_often() -> None:
    store = make_store()
    drawn = [name for seed in range(600) for name in Random(2, seed=seed).select("", store).ids]
    # 200 each expected, with a standard deviation of 11.5
    assert all(150 < drawn.count(example.id) < 250 for example in store)


# The question lies at 0°, a at 10°, b at 11° beside it, c at 40° on the other side, d at 90°.
ANGLES = {"q": 0, "a": 10, "b": 11, "c": -40, "d": 90}
DIRECTIONS = {name: (math.cos(math.radians(angle)), math.sin(math.radians(angle))) for name, angle in ANGLES.items()}
CIRCLE = make_store([("d", "d", "x"), ("b", "b", "x"), ("a", "a", "y"), ("c", "c", "y")])


def test_semantic_takes_the_nearest_and_shows_the_nearest_last() -> None:
    selection = Semantic(TableEmbedder(DIRECTIONS), 3).select("q", CIRCLE)
    assert selection.ids == ("c", "b", "a")
    assert selection.steps[0].ids == ("a", "b", "c")
    assert selection.steps[0].scores == pytest.approx(
        [math.cos(math.radians(angle)) for angle in (10, 11, 40)], abs=1e-6
    )


def test_semantic_settles_equal_scores_by_the_place_in_the_store(rng: np.random.Generator) -> None:
    # A matrix product gives equal rows numbers that differ in their last bit, by where they stand.
    store = make_store([(f"{n}", "same", "x") for n in range(7)])
    for _ in range(100):
        same = rng.normal(size=61)
        embedder = TableEmbedder({"q": list(same + rng.normal(size=61)), "same": list(same)})
        assert Semantic(embedder, 7).select("q", store).steps[0].ids == tuple(f"{n}" for n in range(7))


def test_semantic_embeds_the_examples_once_for_many_questions() -> None:
    embedder = TableEmbedder(DIRECTIONS)
    store = make_store([("a", "a", "x"), ("b", "b", "y")])
    for question in ("q", "c", "d"):
        Semantic(embedder, 1).select(question, store)
    assert embedder.num_embedded == 2 + 3


def test_mmr_takes_the_nearest_and_then_what_is_unlike_it() -> None:
    # b says what a says; c is further away and says something else.
    choose = {d: MMR(TableEmbedder(DIRECTIONS), 2, diversity=d).select("q", CIRCLE).steps[0].ids for d in (0, 0.6)}
    assert choose == {0: ("a", "b"), 0.6: ("a", "c")}


def test_mmr_lets_only_the_pool_compete() -> None:
    assert MMR(TableEmbedder(DIRECTIONS), 2, diversity=1, pool=2).select("q", CIRCLE).steps[0].ids == ("a", "b")


def test_bm25_finds_shared_words_rare_ones_first_and_nothing_where_none_is_shared() -> None:
    store = make_store()
    # "pumps" and "pump" are one word, in two examples; "leaks" is in one; the shorter text wins between equals.
    assert BM25(5).select("Leaking pumps", store).steps[0].ids == ("leak", "pump")
    assert BM25(5).select("噪音", store).ids == ("noise",)
    assert BM25(5).select("Fahrrad", store).examples == ()


def test_bm25_looks_only_among_what_is_left_and_weighs_words_by_the_whole_store() -> None:
    store = make_store()
    alone = BM25(5).select("leaking pump", store).steps[0]
    after = Fixed(("title", "pump")).then(BM25(5)).select("leaking pump", store).steps[1]
    assert after.ids == ("pump",)
    assert after.scores == (alone.scores[alone.ids.index("pump")],)


def test_bm25_takes_quotes_and_operators_for_what_they_are() -> None:
    assert BM25(5).select('"pump" AND (NOT leaks*) -"', make_store()).ids


def test_ngram_overlap_is_twice_the_shared_runs_over_all_runs() -> None:
    store = make_store(
        [
            ("same", "red green", "x"),
            ("turned", "green red", "x"),
            ("long", "red green blue", "x"),
            ("none", "blue", "x"),
        ]
    )
    # Runs of the question: red, green, red green. Turned round, two of three are shared; the long one has five.
    step = NgramOverlap(4).select("red green", store).steps[0]
    assert step.ids == ("same", "long", "turned")
    assert step.scores == pytest.approx((6 / 6, 6 / 8, 4 / 6))
    assert NgramOverlap(4, max_len=1).select("red green", store).steps[0].scores == pytest.approx((1, 1, 4 / 5))


def test_ngram_overlap_cuts_chinese_into_words() -> None:
    assert NgramOverlap(1).select("发票的抬头不对", make_store()).ids == ("title",)


def test_closest_length_counts_in_the_tokens_of_the_model() -> None:
    store = make_store([("2", "ab", "x"), ("9", "abcdefghi", "x"), ("5", "热泵噪音大", "x"), ("7", "abcdefg", "x")])
    step = ClosestLength(MODEL, 3).select("abcdef", store).steps[0]
    assert step.ids == ("5", "7", "9")  # 5 and 7 are both one token away: the place decides
    assert (step.scores, step.tokens) == ((-1, -1, -3), (5, 7, 9))


def test_balanced_takes_one_of_each_label_in_turn_in_the_order_given() -> None:
    labels = "xxxyxz"
    store = make_store([(f"{label}{row}", f"{row}", label) for row, label in enumerate(labels)])
    assert Balanced(5).choose("", store).ids == ("x0", "y3", "z5", "x1", "x2")


def test_balanced_after_a_ranking_keeps_the_best_one_last() -> None:
    selection = Semantic(TableEmbedder(DIRECTIONS), 4).then(Balanced(3)).select("q", CIRCLE)
    assert selection.steps[1].ids == ("a", "b", "c")  # a is the nearest of y, b of x, c the next of y
    assert selection.ids == ("c", "b", "a")


@pytest.mark.parametrize("name", SELECTORS)
def test_a_selector_gives_the_same_again_and_says_what_it_did(name: str) -> None:
    selector, store = SELECTORS[name](), make_store()
    first, again = (selector.select("The pump makes a noise", store) for _ in range(2))
    assert first == again
    assert first.steps[0].selector == name
    assert set(first.steps[0].ids) == set(first.ids)
    assert len(first.ids) == len(set(first.ids))


@pytest.mark.parametrize("name", SELECTORS)
def test_a_selector_works_on_chinese_and_on_a_plain_list(name: str) -> None:
    examples = [Example(id=name, fields={"text": text}, label=label) for name, text, label in ROWS]
    assert SELECTORS[name]().select("热泵的噪音", examples).examples


@pytest.mark.parametrize("name", sorted(SELECTORS.keys() - {"fixed"}))  # its ids must be there
def test_a_selector_that_finds_nothing_to_choose_from_chooses_nothing(name: str) -> None:
    chain = BM25(3).then(SELECTORS[name]())
    assert chain.select("Fahrrad", make_store()).examples == ()


@pytest.mark.parametrize("make", [Random, Balanced, BM25, NgramOverlap, lambda n: Semantic(TinyEmbedder(), n)])
def test_a_limit_of_nothing_is_refused(make: Callable[[int], Selector]) -> None:
    with pytest.raises(ValueError, match="limit is 0; choose at least 1"):
        make(0)


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: MMR(TinyEmbedder(), 3, diversity=1.5), "diversity is 1.5"),
        (lambda: MMR(TinyEmbedder(), 30, pool=20), "pool is 20"),
        (lambda: NgramOverlap(3, max_len=0), "max_len is 0"),
        (lambda: FitTokens(MODEL, 0), "max_tokens is 0"),
        (lambda: Chain(), "at least one selector"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], Selector], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        make()


@pytest.mark.parametrize(
    ("make", "way"),
    [
        (lambda: Semantic("minilm-l6", 2), "LocalEmbedder"),
        (lambda: MMR("minilm-l6", 2), "LocalEmbedder"),
        (lambda: FitTokens("smollm2-135m", 9), "open_model"),
        (lambda: ClosestLength("smollm2-135m", 2), "open_model"),
    ],
)
def test_a_name_in_the_place_of_a_model_is_refused_with_the_way_to_open_it(
    make: Callable[[], Selector], way: str
) -> None:
    with pytest.raises(TypeError, match=rf"is the name '.+'; open it first and keep it: {way}\('"):
        make()


def test_a_blank_question_is_refused_by_who_looks_at_it() -> None:
    assert Random(2).select("", make_store()).examples
    with pytest.raises(ValueError, match="The question is empty"):
        Random(2).then(BM25(2)).select("", make_store())


def test_a_chain_hands_on_what_each_step_chose_and_is_flat() -> None:
    chain = BM25(5).then(Balanced(2)).then(FitTokens(MODEL, 500))
    assert [type(one).__name__ for one in chain.selectors] == ["BM25", "Balanced", "FitTokens"]
    selection = chain.select("The pump", make_store())
    for before, after in zip(selection.steps, selection.steps[1:], strict=False):
        assert set(after.ids) <= set(before.ids)
    assert selection.ids == tuple(reversed(selection.steps[-1].ids))


def test_the_last_selector_with_an_order_decides_how_examples_are_shown() -> None:
    store, nearest = CIRCLE, Semantic(TableEmbedder(DIRECTIONS), 4)
    assert nearest.then(Random(4)).select("q", store).ids == ("d", "b", "a", "c")  # as in the store
    assert Random(4).then(nearest).select("q", store).ids == ("d", "c", "b", "a")
    assert FitTokens(MODEL, 500).select("", store).ids == ("d", "b", "a", "c")
