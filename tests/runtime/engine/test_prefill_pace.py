"""Chunks shrink while steps take long, and grow back; a whole prompt is the same whatever they were."""

import time

import numpy as np
import pytest

from runtime.engine.completion import CompletionTask
from runtime.engine.prefill_pace import MAX_CHUNK, MIN_CHUNK, TARGET_S, PrefillPace
from runtime.engine.requests import Request
from runtime.engine.scheduler import Scheduler
from runtime.kvcache.pages import PagePool
from runtime.sampling.params import SamplingParams
from tests.helpers.toy_engine import BOS, VOCAB, ToyDecoder, ToyTokenizer, expected_ids, next_token


def test_slow_steps_halve_the_chunk_down_to_the_least_and_quick_ones_double_it_up_to_the_most():
    pace = PrefillPace()
    chunks = []
    for _ in range(5):
        chunks.append(pace.chunk)
        pace.note(pace.chunk, 2 * TARGET_S)
    assert chunks == [MAX_CHUNK, 128, 64, MIN_CHUNK, MIN_CHUNK]
    pace.note(MIN_CHUNK, 0.8 * TARGET_S)
    assert pace.chunk == MIN_CHUNK  # two would not fit
    for _ in range(5):
        pace.note(pace.chunk, 0.01)
    assert pace.chunk == MAX_CHUNK


def test_a_step_of_a_few_tokens_says_nothing_of_a_chunk():
    pace = PrefillPace()
    pace.note(3, 10.0)
    assert pace.chunk == MAX_CHUNK


@pytest.mark.parametrize("is_cancelled", [True, False])
def test_on_a_slow_machine_a_prompt_is_read_in_short_steps_between_which_it_can_be_ended(
    is_cancelled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    decoder = ToyDecoder(2048, next_token)
    steps: list[int] = []
    forward = decoder.forward

    def slow_forward(input_ids: np.ndarray, *rest: object) -> np.ndarray:
        steps.append(len(input_ids))
        clock[0] += 0.01 * len(input_ids)  # 100 tokens a second
        return forward(input_ids, *rest)

    monkeypatch.setattr(decoder, "forward", slow_forward)
    scheduler = Scheduler(decoder, PagePool(decoder.backend, decoder.kv_shape(128)))
    prompt_ids = (BOS, *[1] * 999)
    request = Request(prompt_ids=prompt_ids, params=SamplingParams(temperature=0, max_tokens=3))
    task = CompletionTask(request, ToyTokenizer(), VOCAB, 2048, None)
    scheduler.add(task)
    for _ in range(5):
        scheduler.round()
    assert steps == [256, 128, 64, 32, 32]
    task.is_cancelled = is_cancelled
    while scheduler.has_tasks:
        scheduler.round()
    result = task.outbox.wait_for_result(timeout_s=0)
    assert (result.finish_reason == "cancelled") == is_cancelled
    assert len(steps) == 5 if is_cancelled else result.token_ids == expected_ids(prompt_ids, 3)
