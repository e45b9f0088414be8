"""Requests come out as a hand loop would make them, whatever runs beside them."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from runtime.engine.engine import Engine
from runtime.engine.requests import Request, Result
from runtime.errors import EngineClosedError, ModelRuntimeError, SequenceTooLongError, UnsupportedModelError
from runtime.layers.lora import LoraWeights
from runtime.sampling.params import SamplingParams
from tests.helpers.toy_engine import BOS, EOS, PAGE_BYTES, VOCAB, expected_ids, next_token, says_text, toy_model

GREEDY = SamplingParams(temperature=0, max_tokens=20)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine(toy_model()) as engine:
        yield engine


def greedy(prompt_ids: list[int] | tuple[int, ...], max_tokens: int = 20, **fields: object) -> Request:
    params = SamplingParams(temperature=0, max_tokens=max_tokens, **fields)  # type: ignore[arg-type]
    return Request(prompt_ids=tuple(prompt_ids), params=params)


def answer(text: str, **fields: object) -> Result:
    """What comes out when the model wants to say `text`."""
    with Engine(toy_model(says=says_text(text))) as engine:
        return engine.submit(greedy([BOS], 200, **fields)).result()


# completing ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("prompt_len", [1, 15, 16, 17, 255, 256, 257, 400])
def test_greedy_equals_a_hand_loop(engine: Engine, prompt_len: int) -> None:
    prompt_ids = [BOS, *(i % 250 for i in range(1, prompt_len))]
    result = engine.submit(greedy(prompt_ids)).result()
    assert result.token_ids == expected_ids(prompt_ids, 20)
    assert (result.prompt_tokens, result.completion_tokens) == (prompt_len, len(result.token_ids))


def test_a_second_turn_starts_from_the_pages_of_the_first(engine: Engine) -> None:
    prompt_ids = [BOS, *range(40)]
    first = engine.submit(greedy(prompt_ids, ignore_eos=True)).result()
    next_ids = [*prompt_ids, *first.token_ids, *range(9)]
    second = engine.submit(greedy(next_ids)).result()
    assert (first.cached_tokens, second.cached_tokens) == (0, 48)  # 60 ids of the first are in the cache: 3 whole pages
    assert second.token_ids == expected_ids(next_ids, 20)


def test_a_cached_prefix_is_not_computed_again(engine: Engine) -> None:
    prompt_ids = [BOS, *range(100)]
    engine.submit(greedy(prompt_ids, 1)).result()
    computed_before = engine.model.network.num_computed
    engine.submit(greedy(prompt_ids, 1)).result()
    assert engine.model.network.num_computed - computed_before == 101 - 96


def test_reusable_len_is_what_a_request_will_find(engine: Engine) -> None:
    prompt_ids = [BOS, *range(100)]
    assert engine.reusable_len(prompt_ids) == engine.reusable_len([]) == 0
    engine.submit(greedy(prompt_ids, 1)).result()
    assert engine.reusable_len(prompt_ids) == 96
    assert engine.submit(greedy(prompt_ids, 1)).result().cached_tokens == 96


def test_clear_cache_forgets(engine: Engine) -> None:
    prompt_ids = [BOS, *range(100)]
    engine.submit(greedy(prompt_ids, 1)).result()
    engine.clear_cache()
    assert engine.stats().num_used_pages == 0
    assert engine.submit(greedy(prompt_ids, 1)).result().cached_tokens == 0


def test_another_adapter_shares_no_pages(engine: Engine) -> None:
    prompt_ids = (BOS, *range(100))
    engine.submit(Request(prompt_ids=prompt_ids, params=GREEDY)).result()
    adapted = Request(prompt_ids=prompt_ids, params=GREEDY, adapter=LoraWeights({}))
    assert engine.submit(adapted).result().cached_tokens == 0
    assert engine.submit(adapted).result().cached_tokens == 96


def test_pieces_add_up_to_the_result_and_can_be_read_again(engine: Engine) -> None:
    handle = engine.submit(greedy([BOS, 1, 2]))
    pieces = list(handle)
    result = handle.result()
    assert tuple(i for piece in pieces for i in piece.token_ids) == result.token_ids == handle.token_ids
    assert "".join(piece.text for piece in pieces) == result.text == handle.text
    assert list(handle) == pieces
    assert handle.is_done


def test_ids_may_come_as_an_array() -> None:
    assert Request(prompt_ids=np.array([1, 2], np.int32)).prompt_ids == (1, 2)  # type: ignore[arg-type]


# stopping ------------------------------------------------------------------------------------------------------------
def test_the_end_token_stops_and_is_no_text() -> None:
    result = answer("hello")
    assert (result.text, result.finish_reason, result.token_ids[-1]) == ("hello", "stop", EOS)


def test_ignore_eos_goes_on_to_max_tokens() -> None:
    result = answer("hi", ignore_eos=True)
    assert (result.text, result.finish_reason, result.completion_tokens) == ("hi", "length", 200)


def test_max_tokens_stops() -> None:
    with Engine(toy_model(says=says_text("hello"))) as engine:
        result = engine.submit(greedy([BOS], 3)).result()
    assert (result.text, result.finish_reason) == ("hel", "length")


def test_a_stop_token_stops_and_is_no_text() -> None:
    result = answer("hello", stop_token_ids=(ord("l"),))
    assert (result.text, result.finish_reason, result.token_ids[-1]) == ("he", "stop", ord("l"))


def test_a_stop_text_split_over_tokens_is_never_shown() -> None:
    with Engine(toy_model(says=says_text("one\nUser: two"))) as engine:
        handle = engine.submit(greedy([BOS], stop=("\nUser:",)))
        texts = [piece.text for piece in handle]
    assert "".join(texts) == "one"
    assert handle.result().finish_reason == "stop"
    assert bytes(handle.result().token_ids) == b"one\nUser:"  # ids stay as they were generated


def test_text_held_back_for_a_stop_that_never_comes_is_shown_at_the_end() -> None:
    assert answer("one\nUse", stop=("\nUser:",)).text == "one\nUse"


def test_chinese_characters_split_over_tokens_come_whole() -> None:
    with Engine(toy_model(says=says_text("你好，世界"))) as engine:
        texts = [piece.text for piece in engine.submit(greedy([BOS]))]
    assert [text for text in texts if text] == ["你", "好", "，", "世", "界"]


def test_a_character_cut_by_max_tokens_is_marked() -> None:
    with Engine(toy_model(says=says_text("你好"))) as engine:
        assert engine.submit(greedy([BOS], 4)).result().text == "你�"


def test_the_context_limit_stops_with_length() -> None:
    with Engine(toy_model(max_seq_len=64)) as engine:
        params = SamplingParams(temperature=0, ignore_eos=True)
        result = engine.submit(Request(prompt_ids=(BOS,) * 60, params=params)).result()
    assert (result.finish_reason, result.completion_tokens) == ("length", 4)


def test_logprobs_come_one_a_token(engine: Engine) -> None:
    result = engine.submit(greedy([BOS, 1, 2], logprobs=2)).result()
    assert result.logprobs is not None
    assert len(result.logprobs) == result.completion_tokens
    assert [lp.top[0][0] for lp in result.logprobs] == list(result.token_ids)


def test_timings_are_filled(engine: Engine) -> None:
    engine.model.network.before_forward = lambda input_ids: time.sleep(0.001)
    timings = engine.submit(greedy([BOS, *range(50)], ignore_eos=True)).result().timings
    assert 0 < timings.ttft_s < 60
    assert 0 < timings.prefill_tok_s < 51 / 0.001
    assert 0 < timings.decode_tok_s < 1 / 0.001


# many ----------------------------------------------------------------------------------------------------------------
def test_generate_keeps_the_order_of_prompts(engine: Engine) -> None:
    prompts = [[BOS, i] for i in range(100)]  # more than are in flight at once
    results = engine.generate(prompts, GREEDY)
    assert [result.token_ids for (result,) in results] == [expected_ids(prompt, 20) for prompt in prompts]


def test_generate_encodes_text_with_the_start_token(engine: Engine) -> None:
    ((result,),) = engine.generate(["hi"], GREEDY)
    assert result.token_ids == expected_ids([BOS, *b"hi"], 20)


def test_n_samples_differ_by_seed_and_share_the_prompt(engine: Engine) -> None:
    params = SamplingParams(temperature=50, max_tokens=8, seed=5, ignore_eos=True)
    ((first, second, third),) = engine.generate([[BOS, *range(32)]], params, n=3)
    assert len({first.token_ids, second.token_ids, third.token_ids}) == 3
    assert [r.cached_tokens for r in (first, second, third)] == [0, 32, 32]
    assert engine.generate([[BOS, *range(32)]], params, n=3)[0][2].token_ids == third.token_ids


def test_64_submits_from_many_threads_all_finish_as_if_alone() -> None:
    prompts = [[BOS, *(i * j % 256 for j in range(1, 5 + i))] for i in range(64)]
    results: dict[int, Result] = {}
    with Engine(toy_model()) as engine:

        def ask(idx: int) -> None:
            results[idx] = engine.submit(greedy(prompts[idx])).result()

        threads = [threading.Thread(target=ask, args=(idx,)) for idx in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {i: r.token_ids for i, r in results.items()} == {i: expected_ids(p, 20) for i, p in enumerate(prompts)}


def test_a_pool_for_three_serves_64_requests_as_if_alone() -> None:
    prompts = [[BOS, *(i * j % 256 for j in range(1, 30))] for i in range(64)]
    with Engine(toy_model(), kv_budget_bytes=12 * PAGE_BYTES) as engine:
        results = engine.generate(prompts, SamplingParams(temperature=0, max_tokens=34, ignore_eos=False))
        stats = engine.stats()
    assert [result.token_ids for (result,) in results] == [expected_ids(prompt, 34) for prompt in prompts]
    assert stats.num_used_pages == stats.num_cached_pages


def test_a_preempted_request_draws_the_same_tokens() -> None:
    params = SamplingParams(temperature=50, max_tokens=60, seed=1, ignore_eos=True, repetition_penalty=1.3)
    prompts = [[BOS, i] for i in range(4)]
    with Engine(toy_model()) as engine:
        alone = [engine.generate([prompt], params)[0][0].token_ids for prompt in prompts]
    with Engine(toy_model(), kv_budget_bytes=6 * PAGE_BYTES) as engine:
        together = [result.token_ids for (result,) in engine.generate(prompts, params)]
        assert engine.model.network.num_computed > 4 * 62  # something had to be computed again
    assert together == alone


def test_fork_goes_on_from_the_exact_ids(engine: Engine) -> None:
    parent = engine.submit(greedy([BOS, *range(20)]))
    ids = [BOS, *range(20), *parent.result().token_ids, 7, 8]
    fork = engine.fork(parent, [7, 8])
    assert fork.request.prompt_ids == tuple(ids)
    assert fork.result().token_ids == expected_ids(ids, 20)
    assert fork.result().cached_tokens >= 16


def test_a_running_request_can_be_forked(engine: Engine) -> None:
    engine.model.network.before_forward = lambda input_ids: time.sleep(0.002)
    parent = engine.submit(greedy([BOS, 3], 60, ignore_eos=True))
    next(iter(parent))
    fork = engine.fork(parent, params=GREEDY)
    assert fork.result().token_ids == expected_ids(fork.request.prompt_ids, 20)
    assert len(parent.result().token_ids) == 60


# scoring -------------------------------------------------------------------------------------------------------------
def by_hand(prompt_ids: list[int], continuation_ids: list[int]) -> np.ndarray:
    history, scores = list(prompt_ids), []
    for token_id in continuation_ids:
        logits = -0.1 * np.abs(np.arange(VOCAB) - next_token(history)).astype(np.float32)
        scores.append(logits[token_id] - np.log(np.exp(logits.astype(np.float64)).sum()))
        history.append(token_id)
    return np.array(scores, np.float32)


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("num_scored", [1, 2, 300])
def test_score_equals_log_softmax_by_hand(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, rows: int, num_scored: int
) -> None:
    monkeypatch.setattr("runtime.engine.scoring.MAX_LOGIT_BYTES", rows * 4 * VOCAB)
    prompt_ids, continuation_ids = [BOS, *range(30)], [i % 256 for i in range(num_scored)]
    scores = engine.score(prompt_ids, continuation_ids)
    np.testing.assert_allclose(scores, by_hand(prompt_ids, continuation_ids), rtol=1e-6, atol=1e-6)


def test_score_uses_the_cached_prompt(engine: Engine) -> None:
    prompt_ids = [BOS, *range(99)]
    first = engine.score(prompt_ids, [1, 2])
    computed_before = engine.model.network.num_computed
    assert np.array_equal(engine.score(prompt_ids, [1, 2]), first)
    assert engine.model.network.num_computed - computed_before == 101 - 96


def test_score_many_equals_score_and_reads_the_prompt_once(engine: Engine) -> None:
    prompt_ids, continuations = [BOS, *range(99)], [[1, 2, 3], [7], [], [1, 2, 9], [4] * 30]
    forwards: list[int] = []
    engine.model.network.before_forward = lambda input_ids: forwards.append(len(input_ids))
    together = engine.score_many(prompt_ids, continuations)
    tail = 100 - 96  # past the last whole page of the prompt
    assert forwards == [100 + 2, (tail + 0) + (tail + 2) + (tail + 29)]
    engine.clear_cache()
    for scores, continuation in zip(together, continuations, strict=True):
        assert np.array_equal(scores, engine.score(prompt_ids, continuation))


def test_score_many_refuses_before_any_work(engine: Engine) -> None:
    with pytest.raises(ValueError, match="9999"):
        engine.score_many([BOS], [[1, 2], [9999]])
    with pytest.raises(SequenceTooLongError):
        engine.score_many([BOS], [[1, 2], [1] * 513])
    assert engine.model.network.num_computed == 0


def test_score_many_of_a_failing_continuation_raises_and_ends_the_others() -> None:
    with Engine(toy_model(says=lambda history: -1 if history[-1] == 200 else 97)) as engine:
        with pytest.raises(ModelRuntimeError, match="not finite"):
            engine.score_many([BOS, 1], [[2, 3], [200, 3], [4] * 400])
        assert len(engine.score([BOS, 1], [2])) == 1
        stats = engine.stats()
        assert (stats.num_running, stats.num_waiting) == (0, 0)


def test_short_prompts_are_prefilled_together_and_shared_ones_wait(engine: Engine) -> None:
    forwards: list[int] = []
    gate = threading.Event()
    engine.model.network.before_forward = lambda input_ids: (gate.wait(), forwards.append(len(input_ids)))
    handles = [engine.submit(greedy([start, *range(start, start + 39)], 1)) for start in (0, 0, 50, 100)]
    gate.set()
    for handle in handles:
        handle.result()
    # The second finds two pages of the first, so it waits for them; those behind it keep their place.
    assert forwards == [40, 8 + 40 + 40]


def test_score_of_nothing_is_empty(engine: Engine) -> None:
    assert engine.score([BOS], []).shape == (0,)
    (nothing,) = engine.score_pairs([([BOS], [])])
    assert (nothing.logprobs.shape, nothing.is_likeliest.shape) == ((0,), (0,))


def test_score_pairs_is_score_of_each_and_says_which_tokens_were_the_likeliest(engine: Engine) -> None:
    greedy_ids = list(expected_ids([BOS, 1], 20))
    assert len(greedy_ids) == 20
    changed = [*greedy_ids[:7], greedy_ids[7] - 1, *greedy_ids[8:]]
    pairs = [([BOS, 1], greedy_ids), ([BOS, *range(40)], [5]), ([BOS, 1], changed), ([BOS, 1, *changed[:8]], [0])]
    scored = engine.score_pairs(pairs)
    for (prompt_ids, continuation_ids), scores in zip(pairs, scored, strict=True):
        assert np.array_equal(scores.logprobs, engine.score(prompt_ids, continuation_ids))
        history = [[*prompt_ids, *continuation_ids[:i]] for i in range(len(continuation_ids))]
        likeliest = [next_token(before) == one for before, one in zip(history, continuation_ids, strict=True)]
        assert scores.is_likeliest.tolist() == likeliest
    assert scored[0].is_likeliest.all()
    assert not scored[2].is_likeliest[7]


def test_score_pairs_reads_what_prompts_share_once_and_short_ones_together(engine: Engine) -> None:
    forwards: list[int] = []
    gate = threading.Event()
    engine.model.network.before_forward = lambda input_ids: (gate.wait(), forwards.append(len(input_ids)))
    threading.Timer(0.05, gate.set).start()
    engine.score_pairs([([start, *range(start, start + 39)], [1, 2]) for start in (0, 0, 50, 100)])
    assert forwards[0] == 41
    assert sum(forwards) == 41 + 9 + 41 + 41  # the second finds two pages of the first


def test_of_equally_likely_tokens_the_first_is_the_likeliest() -> None:
    with Engine(toy_model(says=lambda history: 97)) as engine:
        engine.model.network.forward = _flat(engine.model.network.forward)
        first, second = engine.score_pairs([([BOS], [0]), ([BOS], [1])])
    assert (first.is_likeliest.tolist(), second.is_likeliest.tolist()) == ([True], [False])
    assert first.logprobs == second.logprobs == pytest.approx(-np.log(VOCAB))


def _flat(forward: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    return lambda *args: np.zeros_like(forward(*args))


# bad input -----------------------------------------------------------------------------------------------------------
def test_a_prompt_over_the_context_is_refused_with_both_numbers(engine: Engine) -> None:
    with pytest.raises(SequenceTooLongError, match=r"512 tokens.*holds 512") as caught:
        engine.submit(greedy([BOS] * 512))
    assert (caught.value.num_tokens, caught.value.limit) == (512, 512)


def test_a_prompt_over_the_pool_names_the_budget() -> None:
    with (
        Engine(toy_model(), kv_budget_bytes=2 * PAGE_BYTES) as engine,
        pytest.raises(
            SequenceTooLongError, match=r"40 tokens and the KV cache of this engine holds 32.*kv_budget_bytes"
        ),
    ):
        engine.submit(greedy([BOS] * 40))


def test_score_over_the_context_is_refused(engine: Engine) -> None:
    assert len(engine.score([BOS] * 213, [1] * 300)) == 300  # the last token is not read
    with pytest.raises(SequenceTooLongError, match=r"513 tokens and the model's context holds 512\. Shorten it"):
        engine.score([BOS] * 214, [1] * 300)
    assert len(engine.score([BOS] * 512, [])) == 0
    with pytest.raises(SequenceTooLongError, match="513 tokens"):
        engine.score([BOS] * 513, [])


@pytest.mark.parametrize("budget_bytes", [-1, 0, PAGE_BYTES - 1, 2**60])
def test_an_impossible_budget_is_refused_with_both_numbers(budget_bytes: int) -> None:
    with pytest.raises(ValueError, match=rf"kv_budget_bytes is {budget_bytes}, and .*\d+"):
        Engine(toy_model(), kv_budget_bytes=budget_bytes)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("prompt_ids", {"prompt_ids": (VOCAB,)}),
        ("prompt_ids", {"prompt_ids": (-1,)}),
        ("stop_token_ids", {"params": SamplingParams(stop_token_ids=(VOCAB,))}),
        ("logit_bias", {"params": SamplingParams(logit_bias={VOCAB: 1.0})}),
    ],
)
def test_ids_the_vocabulary_does_not_have_are_refused(engine: Engine, field: str, fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=rf"{field} holds -?\d+"):
        engine.submit(Request(**{"prompt_ids": (BOS,), **fields}))  # type: ignore[arg-type]


def test_other_mistakes_of_the_caller_are_refused(engine: Engine) -> None:
    with pytest.raises(ValueError, match="prompt_ids is empty"):
        Request(prompt_ids=())
    with pytest.raises(TypeError, match="prompt_ids is text"):
        Request(prompt_ids="hi")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="continuation_ids must hold token ids, which are whole numbers"):
        engine.score([1], [1.5])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="timeout_s is -1"):
        Request(prompt_ids=(1,), timeout_s=-1)
    with pytest.raises(TypeError, match="give a list of prompts"):
        engine.generate("hi")
    with pytest.raises(ValueError, match="n is 0"):
        engine.generate(["hi"], n=0)
    with pytest.raises(ValueError, match="prompt_ids is empty"):
        engine.score([], [1])
    with pytest.raises(UnsupportedModelError, match="toy completes text"):
        engine.embed(["hi"])


def test_not_a_number_ends_its_own_request_only() -> None:
    def says(history: list[int]) -> int:
        return -1 if 200 in history and len(history) > 5 else next_token(history)

    with Engine(toy_model(says=says)) as engine:
        poisoned = engine.submit(greedy([BOS, 200]))
        healthy = [engine.submit(greedy([BOS, i])) for i in range(7)]
        with pytest.raises(ModelRuntimeError, match="not finite at position 5"):
            poisoned.result()
        assert [h.result().token_ids for h in healthy] == [expected_ids([BOS, i], 20) for i in range(7)]
        assert len(poisoned.token_ids) == 4  # what came before the error can still be read


def test_an_error_in_the_forward_ends_only_who_caused_it() -> None:
    def fail_on_200(input_ids: np.ndarray) -> None:
        if 200 in input_ids:
            raise RuntimeError("planted")

    with Engine(toy_model()) as engine:
        engine.model.network.before_forward = fail_on_200
        bad, good = engine.submit(greedy([BOS, 200])), engine.submit(greedy([BOS, 1]))
        with pytest.raises(RuntimeError, match="planted"):
            list(bad)
        assert good.result().token_ids == expected_ids([BOS, 1], 20)
        with pytest.raises(RuntimeError, match="planted"):
            engine.score([BOS, 200], [1])
        assert engine.stats().num_running == 0


def test_generate_cancels_the_rest_when_one_prompt_is_refused(engine: Engine) -> None:
    engine.model.network.before_forward = lambda input_ids: time.sleep(0.002)
    with pytest.raises(SequenceTooLongError):
        engine.generate([[BOS, 1], [BOS] * 600], SamplingParams(ignore_eos=True))
    deadline = time.monotonic() + 5
    while engine.stats().num_running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert engine.stats().num_running == 0


# ending --------------------------------------------------------------------------------------------------------------
def test_cancel_ends_within_a_step_and_twice_is_harmless(engine: Engine) -> None:
    engine.model.network.before_forward = lambda input_ids: time.sleep(0.002)
    handle = engine.submit(greedy([BOS, 1], 400, ignore_eos=True))
    num_seen = 0
    for _ in handle:
        num_seen += 1
        if num_seen == 3:
            handle.cancel()
            handle.cancel()
    result = handle.result()
    assert result.finish_reason == "cancelled"
    assert 3 <= result.completion_tokens == num_seen < 50
    handle.cancel()
    assert handle.result() is result


def test_cancel_acts_between_the_chunks_of_a_long_prompt() -> None:
    with Engine(toy_model(max_seq_len=100_000)) as engine:
        engine.model.network.before_forward = lambda input_ids: time.sleep(0.01)
        handle = engine.submit(greedy([BOS] * 50_000))
        time.sleep(0.03)
        handle.cancel()
        result = handle.result(timeout_s=1)
    assert (result.finish_reason, result.token_ids) == ("cancelled", ())
    assert engine.model.network.num_computed < 50_000


def test_a_waiting_request_can_be_cancelled(engine: Engine) -> None:
    engine.model.network.before_forward = lambda input_ids: time.sleep(0.01)
    handles = [engine.submit(greedy([BOS, i], 400, ignore_eos=True)) for i in range(20)]  # four have to wait
    handles[-1].cancel()
    assert handles[-1].result(timeout_s=5).token_ids == ()
    assert not handles[0].is_done


def test_timeout_ends_the_request_and_keeps_what_was_made(engine: Engine) -> None:
    engine.model.network.before_forward = lambda input_ids: time.sleep(0.002)
    params = SamplingParams(temperature=0, ignore_eos=True)
    handle = engine.submit(Request(prompt_ids=(BOS,), params=params, timeout_s=0.05))
    with pytest.raises(TimeoutError, match=r"timeout_s of 0\.05"):
        handle.result()
    assert 0 < len(handle.token_ids) < 400


def test_waiting_for_a_result_can_time_out_without_ending_the_request(engine: Engine) -> None:
    engine.model.network.before_forward = lambda input_ids: time.sleep(0.005)
    handle = engine.submit(greedy([BOS, 1], 30, ignore_eos=True))
    with pytest.raises(TimeoutError, match="goes on"):
        handle.result(timeout_s=0.01)
    assert handle.result().completion_tokens == 30


def test_close_answers_everybody_who_waits_and_twice_is_harmless() -> None:
    engine = Engine(toy_model())
    engine.model.network.before_forward = lambda input_ids: time.sleep(0.005)
    handles = [engine.submit(greedy([BOS, i], 400, ignore_eos=True)) for i in range(20)]
    next(iter(handles[0]))
    engine.close()
    engine.close()
    for handle in handles:
        with pytest.raises(EngineClosedError, match="closed"):
            handle.result(timeout_s=1)
    with pytest.raises(EngineClosedError, match="closed"):
        engine.submit(greedy([BOS]))


def test_no_page_is_used_but_by_the_cache_after_the_work(engine: Engine) -> None:
    engine.generate([[BOS, *range(i)] for i in range(50)], GREEDY)
    stats = engine.stats()
    assert (stats.num_running, stats.num_waiting) == (0, 0)
    assert stats.num_used_pages == stats.num_cached_pages > 0
