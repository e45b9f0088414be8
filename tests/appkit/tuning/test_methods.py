"""Every method, from options to an adapter that the command line and Python use."""

import dataclasses

import pytest

from appkit.tuning.config import TuneConfig
from appkit.tuning.methods import METHODS, find_method
from runtime import BottleneckWeights, LoraWeights, describe_peft, load_model, read_peft


def config(**options) -> TuneConfig:
    return TuneConfig(data="x.jsonl", **options)


def test_an_unknown_method_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"no method 'doora'; did you mean dora\?"):
        find_method("doora")
    with pytest.raises(ValueError, match="no method 'full'; there are lora, rslora, dora, bottleneck"):
        find_method("full")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"alpha": 4.0}, "alpha is of low-rank adapters"),
        ({"dropout": 0.1}, "dropout is of low-rank adapters"),
        ({"ranks": {"q_proj": 2}}, "ranks is of low-rank adapters"),
        ({"modules": ("q_proj",)}, r"places are \('q_proj',\); name one or both of attention, feed_forward"),
    ],
    ids=["alpha", "dropout", "ranks", "modules"],
)
def test_a_bottleneck_refuses_options_of_other_methods(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        find_method("bottleneck").check(config(method="bottleneck", **options))


@pytest.mark.parametrize(
    ("method", "options", "kind"),
    [
        ("lora", {"modules": ("q_proj",)}, "LoRA"),
        ("rslora", {"ranks": {"attn_k": 2}}, "rsLoRA"),
        ("dora", {"ranks": {"attn_k": 2}, "alpha": 3.0}, "DoRA"),
        ("bottleneck", {"modules": ("feed_forward",), "last_layers": 1}, "bottleneck"),
    ],
)
def test_a_method_makes_an_adapter_that_is_written_and_read(method, options, kind, tmp_path):
    torch = pytest.importorskip("torch")
    from runtime import load_frozen_decoder, write_peft
    from tests.helpers.tiny_model import write_tiny_model

    path = write_tiny_model(tmp_path / "tiny.gguf")
    found, told = find_method(method), config(method=method, rank=3, **options)
    found.check(told)
    adapter = found.make(load_frozen_decoder(path, torch.float32), told)
    with torch.no_grad():
        for tensor in adapter.tensors():
            tensor.add_(0.1)
    weights = found.weights(adapter)
    with load_model(path) as model:
        write_peft(tmp_path / "adapter", weights, model, **found.file_options(told))
        assert read_peft(tmp_path / "adapter", model).digest == weights.digest
    assert describe_peft(tmp_path / "adapter").kind == kind
    assert isinstance(weights, BottleneckWeights if method == "bottleneck" else LoraWeights)


def test_methods_do_not_make_each_others_adapters():
    made = [dataclasses.astuple(method) for name, method in METHODS.items() if name != "rslora"]
    assert len({entry[1] for entry in made}) == len(made)
