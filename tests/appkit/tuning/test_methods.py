"""Every method, from options to an adapter that the command line and Python use."""

import dataclasses
from contextlib import nullcontext

import pytest

from appkit.tuning.config import TuneConfig
from appkit.tuning.methods import METHODS, find_method
from runtime import (
    AdapterError,
    BottleneckWeights,
    LoraWeights,
    PrefixWeights,
    SoftPromptWeights,
    describe_peft,
    load_model,
    merge_to_gguf,
    read_peft,
)

WEIGHTS = {"bottleneck": BottleneckWeights, "prompt-tuning": SoftPromptWeights, "prefix-tuning": PrefixWeights}


def config(**options) -> TuneConfig:
    return TuneConfig(data="x.jsonl", **options)


def test_an_unknown_method_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"no method 'doora'; did you mean dora\?"):
        find_method("doora")
    with pytest.raises(ValueError, match="no method 'full'; there are lora, rslora, dora, bottleneck, prompt-tuning"):
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


@pytest.mark.parametrize("method", ["prompt-tuning", "prefix-tuning"])
@pytest.mark.parametrize("option", [{"rank": 4}, {"alpha": 4.0}, {"dropout": 0.1}, {"last_layers": 2}], ids=str)
def test_virtual_tokens_refuse_options_of_what_changes_layers(method, option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} says how matrices or layers are changed"):
        find_method(method).check(config(method=method, **option))


@pytest.mark.parametrize("method", ["lora", "rslora", "dora", "bottleneck"])
@pytest.mark.parametrize("option", [{"virtual_tokens": 4}, {"start_text": "Answer."}], ids=str)
def test_what_changes_layers_refuses_options_of_virtual_tokens(method, option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} is of virtual tokens"):
        find_method(method).check(config(method=method, **option))


def test_virtual_tokens_begin_as_the_text_after_the_start_token(tmp_path):
    torch = pytest.importorskip("torch")
    from runtime import load_frozen_decoder, load_model_text
    from tests.helpers.tiny_model import write_tiny_model

    path = write_tiny_model(tmp_path / "tiny.gguf", metadata={"tokenizer.ggml.add_bos_token": True})
    decoder, tokenizer = load_frozen_decoder(path, torch.float32), load_model_text(path).tokenizer
    told = config(method="prompt-tuning", virtual_tokens=4, start_text="the")
    embeddings = find_method("prompt-tuning").make(decoder, told, tokenizer).tensors()[0]
    ids = tokenizer.encode("the", add_special=True)
    assert ids[0] == tokenizer.bos_id
    assert torch.equal(embeddings, decoder.embedding.read()[[*ids, *ids, *ids][:4]])
    with pytest.raises(ValueError, match="start_text is empty"):
        find_method("prompt-tuning").check(config(method="prompt-tuning", start_text=" "))


@pytest.mark.parametrize(
    ("method", "options", "kind"),
    [
        ("lora", {"rank": 3, "modules": ("q_proj",)}, "LoRA"),
        ("rslora", {"rank": 3, "ranks": {"attn_k": 2}}, "rsLoRA"),
        ("dora", {"rank": 3, "ranks": {"attn_k": 2}, "alpha": 3.0}, "DoRA"),
        ("bottleneck", {"rank": 3, "modules": ("feed_forward",), "last_layers": 1}, "bottleneck"),
        ("prompt-tuning", {"virtual_tokens": 3, "start_text": "Answer in short."}, "prompt tuning"),
        ("prefix-tuning", {"virtual_tokens": 3}, "prefix tuning"),
    ],
)
def test_a_method_makes_an_adapter_that_is_written_and_read(method, options, kind, tmp_path):
    torch = pytest.importorskip("torch")
    from runtime import load_frozen_decoder, load_model_text, write_peft
    from tests.helpers.tiny_model import write_tiny_model

    path = write_tiny_model(tmp_path / "tiny.gguf")
    found, told = find_method(method), config(method=method, **options)
    found.check(told)
    adapter = found.make(load_frozen_decoder(path, torch.float32), told, load_model_text(path).tokenizer)
    with torch.no_grad():
        for tensor in adapter.tensors():
            tensor.add_(0.1)
    weights = found.weights(adapter)
    with load_model(path) as model:
        write_peft(tmp_path / "adapter", weights, model, **found.file_options(told))
        assert read_peft(tmp_path / "adapter", model).digest == weights.digest
        with nullcontext() if found.can_merge else pytest.raises(AdapterError, match="only LoRA and DoRA"):
            merge_to_gguf(model, weights, tmp_path / "merged.gguf")
    assert describe_peft(tmp_path / "adapter").kind == kind
    assert isinstance(weights, WEIGHTS.get(method, LoraWeights))


def test_methods_do_not_make_each_others_adapters():
    made = [dataclasses.astuple(method) for name, method in METHODS.items() if name != "rslora"]
    assert len({entry[1] for entry in made}) == len(made)
