"""Who a model is: two runs mix only where it is the same bytes, on the same kernels."""

import hashlib
import shutil
from pathlib import Path

import pytest

from appkit import LocalModel, ScriptedModel
from eval.harness.model_identity import NO_MODEL, identify, open_identified
from runtime import pull
from tests.helpers.tiny_adapter import write_tiny_adapter
from tests.helpers.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


def test_a_local_model_is_its_bytes(tiny: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(tiny, tmp_path / "tiny.gguf"))
    with LocalModel(tiny) as one, LocalModel(copy) as other:
        assert identify(one) == identify(other)
        found = identify(one)
    assert found.digest == hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert (found.name, found.kind, found.backend, found.kv_dtype) == ("tiny", "local", "cpu", "f16")


def test_other_weights_are_another_model(tiny: Path, tmp_path: Path) -> None:
    other = write_tiny_model(tmp_path / "tiny.gguf", seed=8)
    with LocalModel(tiny) as a, LocalModel(other) as b:
        assert identify(a).digest != identify(b).digest


def test_a_stored_model_is_not_read_again_for_its_digest(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPKIT_HOME", str(tmp_path))
    pull(str(tiny))

    def fail(path: Path) -> str:
        raise AssertionError(f"{path} was read whole")

    monkeypatch.setattr("runtime.loaders.catalog_store.sha256_file", fail)
    with LocalModel("tiny") as model:
        assert identify(model).digest == hashlib.sha256(tiny.read_bytes()).hexdigest()


def test_a_script_is_its_text() -> None:
    with open_identified("scripted:a") as (_, a), open_identified("scripted:b") as (_, b):
        assert a.digest != b.digest
        assert (a.kind, a.name) == ("scripted", "scripted")
    assert identify(ScriptedModel(["a"])).digest is None


def test_nothing_is_opened_for_a_task_without_a_model() -> None:
    with open_identified(None) as (model, identity):
        assert (model, identity) == (None, NO_MODEL)


def test_an_adapter_makes_another_model_of_it(tiny: Path, tmp_path: Path) -> None:
    folders = [write_tiny_adapter(tiny, tmp_path / "a"), write_tiny_adapter(tiny, tmp_path / "b", scale=2.0)]
    with LocalModel(tiny) as model:
        plain, a, b = identify(model), *(identify(model.with_adapter(folder)) for folder in folders)
        again = identify(model.with_adapter(folders[0]))
    assert "adapter" not in plain.as_json()  # runs of base models are found as before
    assert (a.name, a.digest) == ("tiny+a", plain.digest)
    assert a.as_json()["adapter"] != b.as_json()["adapter"]
    assert again == a


def test_an_adapter_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="asks no language model"), open_identified(None, tmp_path):
        pass
