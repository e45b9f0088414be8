"""A local model with an adapter: loaded with it, given another one, and what that leaves alone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from appkit import Chat, GenerationSettings, LocalModel, open_model
from runtime.errors import AdapterError
from tests.helpers.tiny_adapter import write_tiny_adapter
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

GREEDY = GenerationSettings(temperature=0.0, max_tokens=12)
QUESTION = "What does the adapter say about this question, which is longer than a page?"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base") / "tiny.gguf"
    return write_tiny_model(path, metadata={"tokenizer.chat_template": CHAT_TEMPLATE})


@pytest.fixture(scope="module")
def adapter(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_adapter(base, tmp_path_factory.mktemp("adapters") / "one")


@pytest.fixture(scope="module")
def plain(base: Path) -> Iterator[LocalModel]:
    with LocalModel(base, num_threads=1) as model:
        yield model


def answer(model: LocalModel) -> tuple[int, ...]:
    return model.generate(QUESTION, GREEDY).token_ids


def test_a_model_opened_with_an_adapter_is_one_given_it_later(plain: LocalModel, base: Path, adapter: Path) -> None:
    with LocalModel(base, num_threads=1, adapter=adapter) as opened:
        assert opened.adapter is not None and opened.adapter.name == "one"
        assert answer(opened) == answer(plain.with_adapter(adapter)) != answer(plain)
        assert opened.with_adapter(None).adapter is None
        assert answer(opened.with_adapter(None)) == answer(plain)


def test_everything_a_model_does_is_done_with_its_adapter(plain: LocalModel, adapter: Path) -> None:
    adapted = plain.with_adapter(adapter)
    parent = adapted.generate(QUESTION, GREEDY)
    assert adapted.fork(parent, " and", GREEDY).token_ids != plain.fork(parent, " and", GREEDY).token_ids
    assert not np.allclose(adapted.score(QUESTION, " yes"), plain.score(QUESTION, " yes"))
    assert adapted.engine.adapter is adapted.adapter
    assert adapted.without_tool_masks().adapter is adapted.adapter


def test_what_one_adapter_computed_is_not_used_for_another(
    plain: LocalModel, base: Path, adapter: Path, tmp_path: Path
) -> None:
    plain.engine.clear_cache()
    adapted = plain.with_adapter(adapter)
    answer(plain)
    assert (plain.cached_tokens(QUESTION), adapted.cached_tokens(QUESTION)) == (48, 0)
    answer(adapted)
    assert adapted.cached_tokens(QUESTION) == 48
    assert plain.with_adapter(adapter).cached_tokens(QUESTION) == 48  # read again, it is the same by its digest
    other = write_tiny_adapter(base, tmp_path / "other", seed=2)
    assert plain.with_adapter(other).cached_tokens(QUESTION) == 0


def test_a_chat_opens_its_model_with_an_adapter(plain: LocalModel, base: Path, adapter: Path) -> None:
    with Chat(base, adapter=adapter, settings=GREEDY) as chat:
        adapted = plain.with_adapter(adapter)
        with Chat(adapted, settings=GREEDY) as other:
            assert chat.send("hi").token_ids == other.send("hi").token_ids
    with pytest.raises(ValueError, match="tiny is open already"):
        Chat(plain, adapter=adapter)


def test_an_adapter_that_cannot_be_used_leaves_nothing_open(base: Path, tmp_path: Path) -> None:
    with pytest.raises(AdapterError, match="does not exist"):
        LocalModel(base, adapter=tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AdapterError, match=r"has no adapter_config\.json"):
        open_model(base, adapter=tmp_path / "empty")


@pytest.mark.parametrize("spec", ["scripted:yes", "openai:http://127.0.0.1:9/v1"])
def test_only_a_local_model_takes_an_adapter(spec: str, adapter: Path) -> None:
    with pytest.raises(ValueError, match="names has none here"):
        open_model(spec, adapter=adapter)


def test_torch_is_not_needed(base: Path, adapter: Path) -> None:
    script = (
        "import sys; from appkit import LocalModel; model = LocalModel(sys.argv[1], adapter=sys.argv[2]); "
        "model.generate('hi'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, base, adapter], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
