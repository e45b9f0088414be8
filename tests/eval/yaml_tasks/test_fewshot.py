import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit import Message
from appkit.errors import EvaluationDataError
from eval.yaml_tasks.documents import Doc
from eval.yaml_tasks.fewshot import PromptStyle, Turn, chat_prompt, choose_examples, example_turn, plain_prompt
from eval.yaml_tasks.rows import Row

TURNS = [Turn(question="1+1?", answer="2"), Turn(question="2+2?", answer="4")]


def rows(count: int, *, name: str = "row") -> list[Row]:
    return [Row(place=f"line {n}", values={"q": f"{name} {n}"}) for n in range(count)]


def doc(text: str | int, target: Any, choices: tuple[str, ...] = ()) -> Doc:
    return Doc(row=rows(1)[0], text=text, target=target, choices=choices)


def test_a_plain_prompt_has_a_delimiter_after_each_part_but_the_question() -> None:
    style = PromptStyle(target_delimiter=" = ", fewshot_delimiter="\n##\n")
    assert plain_prompt("Add.\n", TURNS, "3+3?", style) == "Add.\n1+1? = 2\n##\n2+2? = 4\n##\n3+3?"


def test_a_chat_prompt_has_a_turn_for_each_example() -> None:
    assert chat_prompt("Add.", TURNS[:1], "3+3?") == [
        Message(role="system", content="Add."),
        Message(role="user", content="1+1?"),
        Message(role="assistant", content="2"),
        Message(role="user", content="3+3?"),
    ]
    assert chat_prompt("", [], "3+3?") == [Message(role="user", content="3+3?")]


@pytest.mark.parametrize(
    ("example", "turn"),
    [
        (doc("Q", "A"), Turn(question="Q", answer="A")),
        (doc("Q", 7), Turn(question="Q", answer="7")),
        (doc("Q", ["A", "B"]), Turn(question="Q", answer="A")),
        (doc("Q", 1, ("x", "y")), Turn(question="Q", answer="y")),
        (doc("Q", [1, 0], ("x", "y")), Turn(question="Q", answer="y")),
        (doc("Q", "y", ("x", "y")), Turn(question="Q", answer="y")),
        (doc(1, "ran.", ("the dog", "the cat")), Turn(question="the cat", answer="ran.")),
    ],
)
def test_an_example_shows_its_right_answer(example: Doc, turn: Turn) -> None:
    assert example_turn(example) == turn


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        (doc("Q", ""), "its answer is empty, so it can be no example"),
        (doc("Q", 2, ("x", "y")), "the answer 2 is none of its 2 choices, counted from 0"),
        (doc(-1, "a", ("x", "y")), "the answer -1 is none of its 2 choices"),
    ],
)
def test_an_example_without_an_answer_is_refused(example: Doc, problem: str) -> None:
    with pytest.raises(EvaluationDataError, match=problem):
        example_turn(example)


def test_draws_are_those_of_one_generator_question_by_question() -> None:
    rng = random.Random(1234)
    expected = [rng.sample(range(9), 3) for _ in range(4)]
    assert choose_examples(rows(4), rows(9, name="pool"), 3, "default", 1234, is_same_split=False) == expected


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, 8), st.integers(0, 2**32), st.sampled_from(["default", "first_n"]), st.booleans())
def test_a_question_is_never_its_own_example(num: int, seed: int, sampler: Any, has_copies: bool) -> None:
    pool = rows(10)
    if has_copies:
        pool[3] = Row(place="a copy", values=pool[0].values)
    chosen = choose_examples(pool, pool, num, sampler, seed, is_same_split=True)
    for question, places in zip(pool, chosen, strict=True):
        assert len(set(places)) == num
        assert question.values not in [pool[place].values for place in places]


@settings(deadline=None)  # the machine may be busy
@given(st.integers(1, 9), st.integers(0, 2**32))
def test_the_draws_of_the_first_questions_do_not_depend_on_how_many_follow(limit: int, seed: int) -> None:
    pool = rows(10)
    whole = choose_examples(pool, pool, 2, "default", seed, is_same_split=True)
    assert choose_examples(pool[:limit], pool, 2, "default", seed, is_same_split=True) == whole[:limit]


@pytest.mark.parametrize("sampler", ["default", "first_n"])
@pytest.mark.parametrize(("is_same_split", "num_there"), [(True, 2), (False, 3)])
def test_too_few_examples_are_counted(sampler: Any, is_same_split: bool, num_there: int) -> None:
    pool = rows(3)
    assert choose_examples(pool, pool, num_there, sampler, 0, is_same_split=is_same_split)
    with pytest.raises(EvaluationDataError, match=f"num_fewshot is {num_there + 1}, .* has {num_there} for line 0"):
        choose_examples(pool, pool, num_there + 1, sampler, 0, is_same_split=is_same_split)
