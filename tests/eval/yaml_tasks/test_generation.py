import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit import GenerationSettings
from appkit.errors import EvaluationError
from eval.yaml_tasks.generation import Generation, cut_at_stops, read_generation, sample_seed
from eval.yaml_tasks.strict_yaml import read_task_file


def read(tmp_path: Path, text: str) -> tuple[Generation, int | None]:
    path = tmp_path / "task.yaml"
    path.write_text(text)
    return read_generation(read_task_file(path), "\n\n")


@pytest.mark.parametrize(
    ("text", "generation"),
    [
        ("a: b", Generation(until=("\n\n",))),
        ("generation_kwargs: {}", Generation(until=("\n\n",))),
        ("generation_kwargs: {until: []}", Generation(until=())),
        ("generation_kwargs: {until: 'Q:'}", Generation(until=("Q:",))),
        ("generation_kwargs: {max_new_tokens: 8}", Generation(until=("\n\n",), max_tokens=8)),
        ("generation_kwargs: {do_sample: false, temperature: 0.0}", Generation(until=("\n\n",))),
        (
            "generation_kwargs: {do_sample: true, temperature: 0.7, top_k: 5, top_p: 1}",
            Generation(until=("\n\n",), temperature=0.7, options={"top_p": 1.0, "top_k": 5}),
        ),
        ("generation_kwargs: {temperature: 1}", Generation(until=("\n\n",), temperature=1.0)),
    ],
)
def test_what_is_not_said_is_greedy_up_to_an_empty_line(tmp_path: Path, text: str, generation: Generation) -> None:
    assert read(tmp_path, text) == (generation, None)


def test_a_seed_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, "generation_kwargs: {temperature: 1, seed: 5}")[1] == 5


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("3", "generation_kwargs must be lines of 'name: value'"),
        ("{untill: a}", "line 1: generation_kwargs.untill is not known here; did you mean until?"),
        ("{until: 3}", "until must be a text or a list of at most 16 texts"),
        ("{until: [3]}", "until holds 3; a stop text has 1 to 256 bytes (quote numbers)"),
        ("{until: ['']}", "until holds ''"),
        ("{max_gen_toks: 0}", "max_gen_toks is 0; give a whole number from 1 to 1,048,576"),
        ("{max_gen_toks: 5, max_tokens: 6}", "max_tokens says the same as max_gen_toks; keep one"),
        ("{temperature: -1}", "temperature is -1; give a number from 0 to 100"),
        ("{temperature: .nan}", "temperature is '.nan'"),
        ("{do_sample: no}", "do_sample is 'no'; write true or false"),
        ("{do_sample: true}", "do_sample is true, which needs a temperature above 0"),
        ("{do_sample: false, temperature: 0.5}", "do_sample is false and temperature is 0.5"),
        ("{seed: -1}", "seed is -1"),
        ("{top_k: 1.5}", "top_k is 1.5; give a whole number"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, given: str, problem: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(problem)):
        read(tmp_path, f"generation_kwargs: {given}")


def test_a_model_of_our_own_gets_no_settings_that_nobody_chose() -> None:
    settings = Generation(until=("x",), max_tokens=9).settings(1, is_local=True)
    assert settings == GenerationSettings(
        temperature=0.0, top_p=1.0, top_k=0, min_p=0.0, repetition_penalty=1.0, presence_penalty=0.0,
        frequency_penalty=0.0, max_tokens=9, stop=("x",), logprobs=0,
    )  # fmt: skip
    sampled = Generation(until=(), temperature=0.5, options={"top_k": 3}).settings(7, is_local=False)
    assert sampled == GenerationSettings(temperature=0.5, top_k=3, seed=7, max_tokens=256)


@settings(deadline=None)  # the machine may be busy
@given(st.text("ab\n", max_size=12), st.lists(st.text("ab\n", min_size=1, max_size=3), max_size=3))
def test_nothing_of_a_stop_text_is_left(text: str, stops: list[str]) -> None:
    cut = cut_at_stops(text, stops)
    assert text.startswith(cut) and not any(stop in cut for stop in stops)
    assert cut == text or any(text[len(cut) :].startswith(stop) for stop in stops)


def test_every_answer_has_a_seed_of_its_own() -> None:
    seeds = {sample_seed(seed, doc_id, num_try) for seed in (0, 1) for doc_id in range(20) for num_try in range(20)}
    assert len(seeds) == 800 and all(0 <= seed < 2**63 for seed in seeds)
    assert sample_seed(0, 1, 11) != sample_seed(0, 11, 1)
