"""The engine on real arithmetic: tiny models of every architecture, then SmolLM2."""

import gc
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from runtime.engine.engine import Engine
from runtime.engine.requests import Request
from runtime.errors import AdapterError, ConstraintLimitError
from runtime.grammar.base import Constraint
from runtime.kernels.ops import PageTable
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.loaders.load import Model, load_model
from runtime.sampling.params import SamplingParams
from tests.helpers.bottlenecks import random_bottleneck
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import DECODERS, HIDDEN, INTERMEDIATE, write_tiny_model

GREEDY = SamplingParams(temperature=0, max_tokens=24, ignore_eos=True)


@pytest.fixture(scope="module", params=DECODERS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    path = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf", request.param, format="Q8_0")
    with load_model(path, num_threads=1) as model:
        yield model


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    with load_model(write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf"), num_threads=1) as model:
        yield model


def prompt(length: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, 256, length).tolist()


def by_hand(model: Model, prompt_ids: list[int], max_tokens: int) -> list[int]:
    """Greedy decoding over `Decoder.forward`: the prompt in one step, then token after token."""
    network = model.network
    pool = network.backend.new_kv_pool(network.kv_shape(32, model.kv_dtype))  # type: ignore[union-attr]
    ids, new = list(prompt_ids), list(prompt_ids)
    for _ in range(max_tokens):
        table = PageTable(
            np.arange(31, -1, -1, dtype=np.int32)[None],
            np.array([0, len(new)], np.int32),
            np.array([len(ids)], np.int32),
        )
        last = np.array([len(new) - 1], np.int32)
        logits = network.forward(np.array(new, np.int32), table, pool, last)  # type: ignore[call-arg,arg-type]
        new = [int(logits[0].argmax())]
        ids += new
    return ids[len(prompt_ids) :]


def test_greedy_equals_a_hand_loop_over_the_decoder(model: Model) -> None:
    with Engine(model) as engine:
        for length in (1, 16, 40, 300):
            ((result,),) = engine.generate([prompt(length)], GREEDY)
            assert list(result.token_ids) == by_hand(model, prompt(length), 24)


def test_a_cached_prefix_changes_no_bit(model: Model) -> None:
    params = SamplingParams(temperature=0, max_tokens=12, ignore_eos=True, logprobs=3)
    with Engine(model) as engine:
        ((first,),) = engine.generate([prompt(50)], params)
        longer = [*prompt(50), *first.token_ids, *prompt(20, seed=1)]
        ((cached,),) = engine.generate([longer], params)
        engine.clear_cache()
        ((computed,),) = engine.generate([longer], params)
    assert (cached.cached_tokens, computed.cached_tokens) == (48, 0)
    assert cached.token_ids == computed.token_ids
    assert cached.logprobs == computed.logprobs  # exactly: floats of the same bits


def test_company_changes_no_bit(model: Model) -> None:
    params = SamplingParams(temperature=0.8, seed=3, max_tokens=12, ignore_eos=True, logprobs=2)
    prompts = [prompt(5 + 9 * i, seed=i) for i in range(8)]
    with Engine(model) as engine:
        alone = [engine.generate([ids], params)[0][0] for ids in prompts]
        engine.clear_cache()
        together = [result for (result,) in engine.generate(prompts, params)]
    assert [r.token_ids for r in alone] == [r.token_ids for r in together]
    assert [r.logprobs for r in alone] == [r.logprobs for r in together]


def test_score_equals_the_logprobs_of_what_was_generated(llama: Model) -> None:
    params = SamplingParams(temperature=0, max_tokens=30, ignore_eos=True, logprobs=0)
    with Engine(llama) as engine:
        ((result,),) = engine.generate([prompt(20)], params)
        assert result.logprobs is not None
        (scores,) = engine.score_pairs([(prompt(20), result.token_ids)])
    np.testing.assert_allclose(scores.logprobs, [lp.chosen for lp in result.logprobs], rtol=1e-6)
    assert scores.is_likeliest.all()


def test_an_adapter_changes_its_own_requests_only(llama: Model, rng: np.random.Generator) -> None:
    size = llama.network.weights.layers[0].attention.q.weight.shape[0]  # type: ignore[union-attr]
    matrices = LoraMatrices(
        rng.standard_normal((4, HIDDEN), np.float32), rng.standard_normal((size, 4), np.float32), 0.5
    )
    adapter = LoraWeights({"blk.0.attn_q": matrices})
    with Engine(llama) as engine:
        ((plain,),) = engine.generate([prompt(40)], GREEDY)
        handles = [
            engine.submit(Request(prompt_ids=tuple(prompt(40)), params=GREEDY, adapter=chosen))
            for chosen in (adapter, None, adapter)
        ]
        adapted, beside, again = (handle.result() for handle in handles)
    assert beside.token_ids == plain.token_ids != adapted.token_ids == again.token_ids
    assert (beside.cached_tokens, adapted.cached_tokens, again.cached_tokens) == (32, 0, 32)


def random_adapter(seed: int, has_magnitude: bool = False) -> LoraWeights:
    """Of every matrix of the first layer's attention and feed-forward that is HIDDEN wide."""
    rng = np.random.default_rng(seed)
    modules = {}
    for name, size in (
        ("attn_q", HIDDEN),
        ("attn_v", HIDDEN // 2),
        ("ffn_gate", INTERMEDIATE),
        ("ffn_up", INTERMEDIATE),
    ):
        magnitude = rng.uniform(0.5, 2, size).astype(np.float32) if has_magnitude else None
        a, b = rng.standard_normal((3, HIDDEN), np.float32), rng.standard_normal((size, 3), np.float32)
        modules[f"blk.0.{name}"] = LoraMatrices(a, b, 0.3, magnitude)
    return LoraWeights(modules, f"adapter {seed}")


def test_adapters_side_by_side_change_no_bit_of_each_other(llama: Model) -> None:
    """All kinds of adapters and the base at once, over one prompt, then from the cache: as each of them alone."""
    params = SamplingParams(temperature=0, max_tokens=12, ignore_eos=True, logprobs=2)
    bottlenecks = [random_bottleneck(np.random.default_rng(seed), HIDDEN) for seed in (4, 5)]
    adapters = [None, random_adapter(1), random_adapter(2), random_adapter(3, has_magnitude=True), *bottlenecks]
    requests = [Request(prompt_ids=tuple(prompt(40)), params=params, adapter=adapter) for adapter in adapters]
    alone = []
    for request in requests:
        with Engine(llama) as engine:
            alone.append(engine.submit(request).result())
    with Engine(llama) as engine:
        for cached_tokens in (0, 48):
            together = [handle.result() for handle in [engine.submit(request) for request in requests]]
            assert [r.token_ids for r in together] == [r.token_ids for r in alone]
            assert [r.logprobs for r in together] == [r.logprobs for r in alone]
            assert {r.cached_tokens for r in together} == {min(cached_tokens, 32)}
    assert len({r.token_ids for r in alone}) == len(adapters)


def test_an_engine_with_an_adapter_uses_it_for_everything(llama: Model) -> None:
    adapter, other = random_adapter(1), random_adapter(2)
    ids = prompt(40)
    with Engine(llama) as engine:
        adapted = engine.with_adapter(adapter)
        assert (engine.adapter, adapted.adapter) == (None, adapter)
        ((expected,),) = engine.generate([ids], GREEDY, adapter=adapter)
        ((plain,),) = engine.generate([ids], GREEDY)
        ((by_default,),) = adapted.generate([ids], GREEDY)
        ((named,),) = adapted.generate([ids], GREEDY, adapter=other)
        assert by_default.token_ids == expected.token_ids != plain.token_ids
        assert named.token_ids not in (expected.token_ids, plain.token_ids)
        np.testing.assert_array_equal(adapted.score(ids, [1, 2]), engine.score(ids, [1, 2], adapter))
        assert engine.with_adapter(None).generate([ids], GREEDY)[0][0].token_ids == plain.token_ids
        engine.clear_cache()
        adapted.generate([ids], GREEDY)
        assert (engine.reusable_len(ids), adapted.reusable_len(ids)) == (0, 32)
        base_handle = engine.submit(Request(prompt_ids=tuple(ids), params=GREEDY))
        base_handle.result()
        assert adapted.fork(base_handle).request.adapter is None


def test_an_engine_with_an_adapter_keeps_the_thread_alive(llama: Model) -> None:
    adapted = Engine(llama).with_adapter(random_adapter(1))
    gc.collect()
    assert adapted.generate([prompt(4)], GREEDY)[0][0].completion_tokens == 24
    adapted.close()


def test_an_adapter_of_another_model_is_refused_at_once(llama: Model) -> None:
    wrong = LoraWeights({"blk.9.attn_q": LoraMatrices(np.ones((1, 2), np.float32), np.ones((2, 1), np.float32), 1.0)})
    with Engine(llama) as engine, pytest.raises(AdapterError, match=r"blk\.9"):
        engine.with_adapter(wrong)


def test_an_adapter_of_another_model_ends_its_request_only(llama: Model) -> None:
    wrong = LoraWeights({"blk.9.attn_q": LoraMatrices(np.ones((1, 2), np.float32), np.ones((2, 1), np.float32), 1.0)})
    with Engine(llama) as engine:
        bad = engine.submit(Request(prompt_ids=(1, 2), params=GREEDY, adapter=wrong))
        good = engine.submit(Request(prompt_ids=(1, 2), params=GREEDY))
        with pytest.raises(AdapterError, match=r"blk\.9"):
            bad.result()
        assert good.result().completion_tokens == 24


def test_a_constraint_shapes_the_answer_and_ends_it(llama: Model) -> None:
    with Engine(llama) as engine:
        ((chosen,),) = engine.generate(["Is it?"], GREEDY, constraint=Constraint("choice", ("yes", "no")))
        ((digits,),) = engine.generate(["Say"], GREEDY, constraint=Constraint("regex", "[0-9]{3}-[0-9]{2}"))
    assert (chosen.text in {"yes", "no"}, chosen.finish_reason) == (True, "stop")
    assert (len(digits.text), digits.text[3], digits.finish_reason) == (6, "-", "stop")


def test_constrained_samples_differ_and_all_match(llama: Model) -> None:
    schema = Constraint("json_schema", json.dumps({"type": "array", "items": {"enum": ["甲", "b"]}, "maxItems": 3}))
    with Engine(llama) as engine:
        (results,) = engine.generate(["x"], SamplingParams(seed=1, max_tokens=200), n=8, constraint=schema)
    answers = [json.loads(result.text) for result in results]
    assert all(set(answer) <= {"甲", "b"} and len(answer) <= 3 for answer in answers)
    assert len({result.text for result in results}) > 1


NESTED = Constraint(
    "json_schema",
    json.dumps(
        {
            "type": "object",
            "properties": {"names": {"type": "array", "items": {"type": "string"}}, "at": {"format": "date"}},
            "required": ["names", "at"],
            "additionalProperties": False,
        }
    ),
)


def test_a_constrained_answer_is_whole_within_any_limit(llama: Model) -> None:
    with Engine(llama) as engine:
        with pytest.raises(ConstraintLimitError) as caught:
            engine.generate(["x"], SamplingParams(max_tokens=1), constraint=NESTED)
        for extra in (0, 1, 7, 50):
            limit = caught.value.num_tokens + extra
            params = SamplingParams(seed=extra, temperature=1.5, max_tokens=limit)
            (results,) = engine.generate(["x"], params, n=4, constraint=NESTED)
            for result in results:
                assert set(json.loads(result.text)) == {"names", "at"}
                assert (result.finish_reason, result.completion_tokens <= limit) == ("stop", True)
                assert len(result.token_ids) == result.completion_tokens


def test_tokens_that_must_come_are_not_asked_for(llama: Model) -> None:
    """With log-probabilities each token is; the answer is the same."""
    with Engine(llama) as engine:
        for seed in range(3):
            params = SamplingParams(seed=seed, temperature=1.5, max_tokens=60)
            ((quick,),) = engine.generate(["x"], params, constraint=NESTED)
            ((slow,),) = engine.generate(["x"], replace(params, logprobs=0), constraint=NESTED)
            assert quick.token_ids == slow.token_ids
            assert (quick.forced_tokens >= len('"names":[') - 1, slow.forced_tokens) == (True, 0)
            assert slow.logprobs is not None
            assert len(slow.logprobs) == len(slow.token_ids)


def test_each_forced_token_saves_a_step_of_the_model(llama: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    forward = llama.network.forward
    monkeypatch.setattr(
        llama.network, "forward", lambda *args, **kwargs: (steps.append(1), forward(*args, **kwargs))[1]
    )
    with Engine(llama) as engine:
        ((result,),) = engine.generate(["x"], GREEDY, constraint=Constraint("regex", "(yes|no), that is so\\.[0-9]"))
    assert result.forced_tokens == result.completion_tokens - len(steps) > 10


@pytest.mark.parametrize(
    ("source", "max_tokens", "is_early"),
    [("a{3}", 3, False), ("a{3}", 9, False), ("a{2,9}", 4, True), ("a{9}b|a{2}", 4, True), ("(a{30})+", 40, True)],
)
def test_a_text_that_its_limit_ended_says_so(llama: Model, source: str, max_tokens: int, is_early: bool) -> None:
    params = SamplingParams(
        temperature=0, max_tokens=max_tokens, logit_bias=dict.fromkeys(llama.tokenizer.eog_ids, -100)
    )
    with Engine(llama) as engine:
        ((result,),) = engine.generate(["x"], params, constraint=Constraint("regex", source))
    assert re.fullmatch(source, result.text)
    assert (result.finish_reason, result.is_closed_early) == ("stop", is_early)


def test_a_text_without_a_constraint_is_not_closed(llama: Model) -> None:
    with Engine(llama) as engine:
        ((result,),) = engine.generate(["x"], replace(GREEDY, max_tokens=2))
    assert (result.finish_reason, result.is_closed_early) == ("length", False)


def test_a_bad_constraint_ends_its_request_only(llama: Model) -> None:
    with Engine(llama) as engine:
        good = engine.submit(Request(prompt_ids=(1, 2), params=GREEDY))
        with pytest.raises(ValueError, match="regex"):
            engine.submit(Request(prompt_ids=(1, 2), constraint=Constraint("regex", "(")))
        assert good.result().completion_tokens == 24


def test_the_reference_backend_generates_the_same(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = write_tiny_model(tmp_path / "tiny.gguf")
    answers = []
    for backend in ("cpu", "reference"):
        with load_model(path, backend=backend, num_threads=1) as model, Engine(model) as engine:  # type: ignore[arg-type]
            answers.append([r.token_ids for (r,) in engine.generate([prompt(30), prompt(40)], GREEDY)])
    assert answers[0] == answers[1]


def test_the_reference_backend_scores_the_same(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    path = write_tiny_model(tmp_path / "tiny.gguf")
    pairs = [(prompt(30), prompt(25, seed=1)), (prompt(40, seed=2), prompt(9, seed=3))]
    scored = []
    for backend in ("cpu", "reference"):
        with load_model(path, backend=backend, num_threads=1, kv_dtype="f32") as model, Engine(model) as engine:  # type: ignore[arg-type]
            greedy = [r.token_ids for (r,) in engine.generate([prompt_ids for prompt_ids, _ in pairs], GREEDY)]
            written = [(prompt_ids, ids) for (prompt_ids, _), ids in zip(pairs, greedy, strict=True)]
            scored.append(engine.score_pairs([*pairs, *written]))
    for ours, theirs in zip(*scored, strict=True):
        np.testing.assert_allclose(ours.logprobs, theirs.logprobs, atol=1e-4)
        assert ours.is_likeliest.tolist() == theirs.is_likeliest.tolist()
    assert [scores.is_likeliest.all() for scores in scored[0]] == [False, False, True, True]


def test_smollm2_knows_the_capital_of_france() -> None:
    with load_model(real_model("smollm2-135m")) as model, Engine(model) as engine:
        ((result,),) = engine.generate(["The capital of France is"], SamplingParams(temperature=0, max_tokens=5))
    assert "Paris" in result.text
