"""Random schedules: whatever is submitted, cancelled, forked and finished, no page is lost and no answer changes.

Requests use one of a few adapters or none, over prompts that begin alike; two adapters put virtual tokens in front.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from runtime.engine.completion import CompletionTask
from runtime.engine.prefill_pace import PrefillPace
from runtime.engine.requests import Request
from runtime.engine.scheduler import Scheduler
from runtime.engine.scoring import ScoreTask
from runtime.kernels.ops import PAGE_SIZE
from runtime.kvcache.pages import PagePool
from runtime.layers.adapter import AdapterWeights, num_virtual_tokens
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.layers.virtual_tokens import PrefixWeights, SoftPromptWeights, virtual_ids
from runtime.sampling.params import SamplingParams
from tests.helpers.toy_engine import BOS, VOCAB, ToyDecoder, ToyTokenizer, expected_ids, next_token, toy_model

NUM_PAGES = 7
MAX_LEN = NUM_PAGES * PAGE_SIZE
# Few different ids and starts, so that prompts often share a prefix.
PROMPTS = st.builds(
    lambda start, length, end: [BOS, *[start] * length, *end],
    st.integers(0, 1),
    st.integers(0, 60),
    st.lists(st.integers(0, 3), max_size=3),
)


NUM_VIRTUAL = 20  # a page, and a part of one
ADAPTERS = [  # the toy asserts that no one reads another's pages
    None,
    LoraWeights({"a": LoraMatrices(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32), 1.0)}),
    SoftPromptWeights(np.ones((NUM_VIRTUAL, 1), np.float32)),
    PrefixWeights(*np.ones((2, 1, NUM_VIRTUAL, 1, 1), np.float32)),
]


class Schedules(RuleBasedStateMachine):
    """Three prompts fill the pool, so requests wait, give way and are computed again all the time."""

    def __init__(self) -> None:
        super().__init__()
        decoder = ToyDecoder(MAX_LEN, next_token)
        self.pool = PagePool(decoder.backend, decoder.kv_shape(NUM_PAGES))
        self.scheduler = Scheduler(decoder, self.pool, PrefillPace(10))
        self.completions: list[CompletionTask] = []
        self.scores: list[ScoreTask] = []

    @rule(prompt_ids=PROMPTS, max_tokens=st.integers(1, 50), adapter=st.sampled_from(ADAPTERS))
    def submit(self, prompt_ids: list[int], max_tokens: int, adapter: AdapterWeights | None) -> None:
        params = SamplingParams(temperature=0, max_tokens=max_tokens)
        room = MAX_LEN - 1 - num_virtual_tokens(adapter)
        request = Request(prompt_ids=tuple(prompt_ids[:room]), params=params, adapter=adapter)
        task = CompletionTask(request, ToyTokenizer(), VOCAB, MAX_LEN, None)
        self.completions.append(task)
        self.scheduler.add(task)

    @precondition(lambda self: self.completions)
    @rule(data=st.data(), max_tokens=st.integers(1, 50))
    def fork(self, data: st.DataObject, max_tokens: int) -> None:
        parent = data.draw(st.sampled_from(self.completions))
        generated = [token_id for piece in parent.outbox.pieces() for token_id in piece.token_ids]
        self.submit([*parent.request.prompt_ids, *generated], max_tokens, parent.request.adapter)

    @rule(
        prompt_ids=PROMPTS,
        continuation_ids=st.lists(st.integers(0, 255), min_size=1, max_size=40),
        adapter=st.sampled_from(ADAPTERS),
    )
    def score(self, prompt_ids: list[int], continuation_ids: list[int], adapter: AdapterWeights | None) -> None:
        continuation_ids = continuation_ids[: MAX_LEN - len(prompt_ids) - num_virtual_tokens(adapter)]
        task = ScoreTask(prompt_ids, continuation_ids, VOCAB, adapter)
        self.scores.append(task)
        self.scheduler.add(task)

    @precondition(lambda self: self.completions)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.completions)).is_cancelled = True

    @rule(num_rounds=st.integers(1, 25))
    def work(self, num_rounds: int) -> None:
        for _ in range(num_rounds):
            self.scheduler.round()

    @rule()
    def clear_cache(self) -> None:
        self.scheduler.clear_cache()

    @invariant()
    def every_used_page_is_held_by_somebody(self) -> None:
        stats = self.scheduler.stats()
        tasks = [*self.completions, *self.scores]
        held = {page_id for task in tasks for page_id in task.sequence.page_ids}
        assert stats.num_used_pages <= len(held) + stats.num_cached_pages
        assert stats.num_used_pages >= max(len(held), stats.num_cached_pages)

    def teardown(self) -> None:
        num_rounds = 0
        while self.scheduler.has_tasks:
            self.scheduler.round()
            num_rounds += 1
            assert num_rounds < 100 * (1 + len(self.completions) + len(self.scores)), "the schedule does not get on"
        for task in self.completions:
            result = task.outbox.wait_for_result(timeout_s=0)
            virtual = virtual_ids(num_virtual_tokens(task.adapter))
            expected = expected_ids([*virtual, *task.request.prompt_ids], task._max_tokens)
            assert result.token_ids == expected[: len(result.token_ids)]
            assert 0 <= result.cached_tokens < result.prompt_tokens == len(task.request.prompt_ids)
            assert result.finish_reason == "cancelled" or len(result.token_ids) == len(expected)
        for score in self.scores:
            assert len(score.future.result(timeout=0).logprobs) > 0
        stats = self.scheduler.stats()
        assert stats.num_used_pages == stats.num_cached_pages
        self.scheduler.end_all(RuntimeError("over"))  # asserts that every page came back


def run_schedules(num_examples: int) -> None:
    run_state_machine_as_test(
        Schedules,
        settings=settings(
            max_examples=num_examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        ),
    )


def test_no_schedule_loses_a_page_or_changes_an_answer() -> None:
    run_schedules(60)


@pytest.mark.slow
def test_no_schedule_of_many_loses_a_page_or_changes_an_answer() -> None:
    run_schedules(3000)


def test_the_oldest_request_keeps_its_pages_when_they_run_out() -> None:
    decoder = toy_model(says=lambda history: 97).network
    pool = PagePool(decoder.backend, decoder.kv_shape(4))
    scheduler = Scheduler(decoder, pool)
    params = SamplingParams(temperature=0, max_tokens=40)
    tasks = [
        CompletionTask(Request(prompt_ids=(BOS, idx), params=params), ToyTokenizer(), VOCAB, 64, None)
        for idx in range(3)
    ]
    for task in tasks:
        scheduler.add(task)
    finished = []
    while scheduler.has_tasks:
        scheduler.round()
        finished += [idx for idx, task in enumerate(tasks) if task.is_done and idx not in finished]
    assert finished == [0, 1, 2]
    assert decoder.num_computed > 3 * 41  # a younger one had to give way
