"""Requests with a soft prompt or a prefix: right answers, computed once, seen by nobody, in nobody's way."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from runtime.engine.engine import Engine
from runtime.engine.requests import Request
from runtime.errors import AdapterError, SequenceTooLongError
from runtime.layers.lora import LoraMatrices, LoraWeights
from runtime.layers.virtual_tokens import PrefixWeights, SoftPromptWeights, VirtualTokens, virtual_ids
from runtime.loaders.load import Model, load_model
from runtime.models.decoder import Decoder
from runtime.sampling.params import SamplingParams
from tests.helpers.decoding import new_pool, one_sequence
from tests.helpers.tiny_model import DECODERS, HIDDEN, write_tiny_model
from tests.helpers.tolerances import assert_same_bits
from tests.helpers.virtual_tokens import KINDS, logits_after_virtual_tokens, random_virtual_tokens

CONTEXT_LEN = 512
GREEDY = SamplingParams(temperature=0, max_tokens=12, ignore_eos=True, logprobs=2)
TO_THE_END = SamplingParams(temperature=0, ignore_eos=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    path = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf")
    with load_model(path, num_threads=1, kv_dtype="f32") as model:
        yield model


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def network_of(model: Model) -> Decoder:
    assert isinstance(model.network, Decoder)
    return model.network


def prompt(length: int, seed: int = 0) -> tuple[int, ...]:
    return tuple(np.random.default_rng(seed).integers(0, 256, length).tolist())


def logprobs_by_hand(model: Model, adapter: VirtualTokens, ids: tuple[int, ...]) -> np.ndarray:
    """[T] of each id but the first, after all before it and the virtual tokens."""
    logits = logits_after_virtual_tokens(network_of(model), adapter, ids)[:-1].astype(np.float64)
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return logits[np.arange(len(ids) - 1), ids[1:]]


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("architecture", DECODERS)
@pytest.mark.parametrize("num_virtual", [1, 16, 37])
def test_a_request_reads_the_virtual_tokens_before_its_own(
    backend: str, architecture: str, num_virtual: int, kind: str, tmp_path: Path
) -> None:
    if backend == "reference":
        pytest.importorskip("torch", reason="the reference backend computes with torch")
    path, ids = write_tiny_model(tmp_path / "tiny.gguf", architecture), prompt(30)
    with load_model(path, backend=backend, num_threads=1, kv_dtype="f32") as model, Engine(model) as engine:
        adapter = random_virtual_tokens(kind, model.config, num_virtual)
        expected = logprobs_by_hand(model, adapter, ids)
        for _ in range(2):  # the second time from the cache
            np.testing.assert_allclose(engine.score(ids[:1], ids[1:], adapter), expected, atol=1e-4)
        ((result,),) = engine.generate([ids], GREEDY, adapter=adapter)
        assert result.logprobs is not None
        own = logprobs_by_hand(model, adapter, (*ids, *result.token_ids))[-len(result.token_ids) :]
        np.testing.assert_allclose([token.chosen for token in result.logprobs], own, atol=1e-4)
        assert np.abs(engine.score(ids[:1], ids[1:]) - expected).max() > 0.01


def test_all_kinds_side_by_side_change_no_bit_of_each_other(model: Model) -> None:
    """Base, LoRA, soft prompts and prefixes at once, over one prompt, then from the cache: as each of them alone."""
    matrices = LoraMatrices(np.ones((1, HIDDEN), np.float32), np.ones((HIDDEN, 1), np.float32), 0.3)
    virtual = [random_virtual_tokens(kind, model.config, num_tokens) for kind in KINDS for num_tokens in (5, 16)]
    adapters = [None, LoraWeights({"blk.0.attn_q": matrices}), *virtual]
    requests = [Request(prompt_ids=prompt(40), params=GREEDY, adapter=adapter) for adapter in adapters]
    alone = []
    for request in requests:
        with Engine(model) as engine:
            alone.append(engine.submit(request).result())
    with Engine(model) as engine:
        for cached_tokens in (dict.fromkeys((0, 5, 16), 0), {0: 32, 5: 32 - 5, 16: 48 - 16}):
            together = [handle.result() for handle in [engine.submit(request) for request in requests]]
            assert [r.token_ids for r in together] == [r.token_ids for r in alone]
            assert [r.logprobs for r in together] == [r.logprobs for r in alone]
            num_virtual = [0, 0, 5, 16, 5, 16]
            assert [r.cached_tokens for r in together] == [cached_tokens[count] for count in num_virtual]
            assert {r.prompt_tokens for r in together} == {40}
    assert len({r.token_ids for r in alone}) == len(adapters)


def test_virtual_tokens_that_fill_a_page_are_computed_once(
    model: Model, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, seen, written = network_of(model), [], []
    forward, write_prefix = network.forward, network.write_prefix
    monkeypatch.setattr(network, "forward", lambda *args: (seen.append(args[0]), forward(*args))[1])
    monkeypatch.setattr(network, "write_prefix", lambda *args: (written.append(args[1]), write_prefix(*args))[1])
    adapter = random_virtual_tokens(kind, model.config, 16)
    with Engine(model) as engine:
        for seed in range(3):  # prompts that have nothing in common
            engine.generate([prompt(20, seed)], GREEDY, adapter=adapter)
    assert sum(int((ids < 0).sum()) for ids in seen) == (16 if kind == "prompt" else 0)
    assert sum(int(pages.query_starts[-1]) for pages in written) == (0 if kind == "prompt" else 16)


def test_adapters_alike_share_their_cache_and_others_do_not(model: Model, kind: str) -> None:
    first, alike, other = (random_virtual_tokens(kind, model.config, seed=seed) for seed in (1, 1, 2))
    ids = prompt(40)
    with Engine(model) as engine:
        results = [engine.generate([ids], GREEDY, adapter=adapter)[0][0] for adapter in (first, alike, other)]
        assert [result.cached_tokens for result in results] == [0, 27, 0]
        assert results[0].token_ids == results[1].token_ids != results[2].token_ids
        reusable = [engine.with_adapter(adapter).reusable_len(ids) for adapter in (None, first, other)]
        assert reusable == [0, 27, 27]
        engine.clear_cache()
        assert engine.with_adapter(first).reusable_len(ids) == 0


def test_only_a_soft_prompt_foretells_the_first_token(model: Model) -> None:
    soft_prompt, prefix = (random_virtual_tokens(kind, model.config) for kind in KINDS)
    network, ids = network_of(model), prompt(6)
    virtual, last = np.array(virtual_ids(5), np.int32), np.array([4], np.int32)
    (logits,) = network.forward(virtual, one_sequence(0, 5), new_pool(network, 5), last, soft_prompt).astype(np.float64)
    with Engine(model) as engine:
        whole = engine.score((), ids, soft_prompt)
        assert_same_bits(whole[1:], engine.score(ids[:1], ids[1:], soft_prompt))
        assert whole[0] == pytest.approx(logits[ids[0]] - np.log(np.exp(logits).sum()), abs=1e-5)
        for adapter in (None, prefix):
            with pytest.raises(ValueError, match="prompt_ids is empty"):
                engine.score((), ids, adapter)


def test_virtual_tokens_count_towards_the_context_alone(model: Model, kind: str) -> None:
    adapter = random_virtual_tokens(kind, model.config)
    with Engine(model) as engine:
        adapted = engine.with_adapter(adapter)
        assert (engine.max_seq_len, adapted.max_seq_len) == (CONTEXT_LEN, CONTEXT_LEN - 5)
        ((result,),) = engine.generate([prompt(500)], TO_THE_END, adapter=adapter)
        assert (result.prompt_tokens, result.completion_tokens, result.finish_reason) == (500, 7, "length")
        assert len(engine.score(prompt(500), prompt(8), adapter)) == 8
        for ask in (
            lambda: engine.generate([prompt(507)], TO_THE_END, adapter=adapter),
            lambda: adapted.generate([prompt(507)], TO_THE_END),
            lambda: engine.score(prompt(500), prompt(9), adapter),
        ):
            with pytest.raises(SequenceTooLongError, match=r"holds 507.*, beside the 5 virtual tokens of its adapter"):
                ask()


def test_a_fork_goes_on_after_the_same_virtual_tokens(model: Model, kind: str) -> None:
    adapter = random_virtual_tokens(kind, model.config)
    with Engine(model) as engine:
        handle = engine.submit(Request(prompt_ids=prompt(40), params=GREEDY, adapter=adapter))
        whole = handle.result()
        forked = engine.fork(handle, prompt(3, seed=9)).result()
        engine.clear_cache()
        ids = (*prompt(40), *whole.token_ids, *prompt(3, seed=9))
        ((alone,),) = engine.generate([ids], GREEDY, adapter=adapter)
    assert (forked.token_ids, forked.logprobs) == (alone.token_ids, alone.logprobs)
    assert (forked.prompt_tokens, forked.cached_tokens) == (55, 43)


def test_stored_in_half_precision_the_answers_are_close(model: Model, kind: str) -> None:
    adapter, ids = random_virtual_tokens(kind, model.config), prompt(30)
    with load_model(model.path, num_threads=1, kv_dtype="f16") as halved, Engine(halved) as engine:
        np.testing.assert_allclose(
            engine.score(ids[:1], ids[1:], adapter), logprobs_by_hand(model, adapter, ids), atol=2e-2
        )


def test_virtual_tokens_of_another_model_are_refused(model: Model) -> None:
    wrong: dict[str, VirtualTokens] = {
        "embeddings of the size 63; this model's are 64": SoftPromptWeights(np.ones((2, 63), np.float32)),
        "head size 3, 2, 16; this model's are 2, 2, 16": PrefixWeights(*np.ones((2, 3, 4, 2, 16), np.float32)),
        "512 virtual tokens, which leave nothing": SoftPromptWeights(np.ones((512, 64), np.float32)),
    }
    with Engine(model) as engine:
        for reason, adapter in wrong.items():
            with pytest.raises(AdapterError, match=reason):
                engine.with_adapter(adapter)
            handles = [
                engine.submit(Request(prompt_ids=prompt(4), params=GREEDY, adapter=chosen))
                for chosen in ((adapter, None) if adapter.num_tokens < 512 else (None,))
            ]
            assert handles[-1].result().completion_tokens == 12
            if len(handles) == 2:
                with pytest.raises(AdapterError, match=reason):
                    handles[0].result()


def test_shapes_and_types_that_are_no_virtual_tokens_are_refused() -> None:
    for embeddings in (np.ones(3, np.float32), np.ones((2, 3)), np.ones((0, 3), np.float32)):
        with pytest.raises(ValueError, match="a float32 matrix"):
            SoftPromptWeights(embeddings)
    keys = np.ones((1, 2, 3, 4), np.float32)
    for values in (keys[0], keys.astype(np.float64), np.ones((1, 2, 3, 5), np.float32)):
        with pytest.raises(ValueError, match="float32 keys and values"):
            PrefixWeights(keys, values)


def test_the_digest_is_of_what_an_adapter_does(model: Model, kind: str) -> None:
    first, alike, other = (random_virtual_tokens(kind, model.config, seed=seed) for seed in (1, 1, 2))
    assert first.digest == alike.digest != other.digest
    assert random_virtual_tokens("prompt", model.config).digest != random_virtual_tokens("prefix", model.config).digest
