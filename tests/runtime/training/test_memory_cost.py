"""The formulas for memory against what the passes keep, and against measured peaks."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from runtime.training.bottleneck import TrainableBottleneck
from runtime.training.bottleneck_settings import BottleneckSettings
from runtime.training.dora import TrainableDora
from runtime.training.forward import ForwardOptions, frozen_prefix, summed_loss
from runtime.training.lora import TrainableLora
from runtime.training.lora_settings import LoraSettings
from runtime.training.memory_cost import MemoryOptions, memory_parts
from runtime.training.prefix_tuning import TrainablePrefix
from runtime.training.prompt_tuning import TrainableSoftPrompt
from runtime.training.shapes import (
    batch_shape,
    bottleneck_shape,
    low_rank_shape,
    prefix_shape,
    read_model_shape,
    soft_prompt_shape,
)
from runtime.training.virtual_token_settings import VirtualTokenSettings
from runtime.training.weights import load_frozen_decoder
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import DECODERS, write_tiny_model
from tests.helpers.training import one_row

KEPT = 0.12  # of the bytes kept; copies of an adapter in the dtype of the products weigh this much in tiny models only
PEAK = 0.2  # of the measured peak: allocators differ


def adapters(decoder, model):
    """Every method, with the shape a plan makes of its settings."""
    few = LoraSettings(rank=3, modules=("ffn_down", "attn_output"))
    dora, late = LoraSettings(rank=5), LoraSettings(last_layers=1)
    virtual = VirtualTokenSettings()
    yield TrainableLora(decoder, LoraSettings()), low_rank_shape(model, LoraSettings())
    yield TrainableLora(decoder, few), low_rank_shape(model, few)
    yield TrainableLora(decoder, late), low_rank_shape(model, late)
    yield TrainableDora(decoder, dora), low_rank_shape(model, dora, has_magnitudes=True)
    yield TrainableBottleneck(decoder, BottleneckSettings()), bottleneck_shape(model, BottleneckSettings())
    yield TrainableSoftPrompt(decoder, virtual), soft_prompt_shape(model, virtual)
    yield TrainablePrefix(decoder, virtual), prefix_shape(model, virtual)


def kept_bytes(decoder, adapter, row) -> int:
    """Of all that the pass keeps for its gradient, each storage once."""
    kept = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    prefix = frozen_prefix(decoder, adapter, row) if adapter.first_layer else None
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = summed_loss(decoder, adapter, row, ForwardOptions(), prefix=prefix)
    assert loss.requires_grad
    return sum(kept.values())


@pytest.mark.parametrize("architecture", DECODERS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_the_formula_counts_what_the_pass_of_every_method_keeps(tmp_path, architecture, dtype, rng):
    path = write_tiny_model(tmp_path / "tiny.gguf", architecture)
    decoder, model = load_frozen_decoder(path, dtype), read_model_shape(path)
    row = one_row(rng, 90, 90, 17)
    for adapter, shape in adapters(decoder, model):
        assert shape.num_parameters == adapter.num_parameters()
        parts = memory_parts(model, shape, batch_shape([row]), len(row), MemoryOptions(dtype_bytes=dtype.itemsize))
        measured = kept_bytes(decoder, adapter, row)
        assert parts["activations"] == pytest.approx(measured, rel=KEPT), type(adapter).__name__


def test_a_model_is_measured_by_its_header(tmp_path):
    path = write_tiny_model(tmp_path / "tiny.gguf", tied_head=False, format="Q8_0")
    decoder, model = load_frozen_decoder(path), read_model_shape(path)
    shapes = decoder.module_shapes()
    assert {f"blk.0.{name}": shape for name, shape in model.modules.items()} == dict(list(shapes.items())[:7])
    in_layers = sum(rows * columns for rows, columns in shapes.values())
    assert model.num_parameters == in_layers + 2 * decoder.embedding.shape[0] * decoder.embedding.shape[1]
    assert model.stored_layer_bytes == in_layers // 32 * 34  # a block of Q8_0


def test_options_take_off_what_they_say(tmp_path):
    model = read_model_shape(write_tiny_model(tmp_path / "tiny.gguf", format="Q8_0"))
    batch = batch_shape([one_row(np.random.default_rng(0), 200, 100)])
    adapter = low_rank_shape(model, LoraSettings())
    plain = memory_parts(model, adapter, batch, 300, MemoryOptions())
    quantized = memory_parts(model, adapter, batch, 300, MemoryOptions(keep_quantized=True))
    assert 0.4 < quantized["weights"] / plain["weights"] < 0.8
    checkpointed = memory_parts(model, adapter, batch, 300, MemoryOptions(checkpoint_activations=True))
    assert checkpointed["activations"] < plain["activations"]
    late = memory_parts(model, low_rank_shape(model, LoraSettings(last_layers=1)), batch, 300, MemoryOptions())
    assert late["activations"] < plain["activations"] and late["prefix"] == 300 * 64 * 2 and plain["prefix"] == 0


_TRAIN = """
import json, re, sys
import numpy as np, torch
from runtime.training.lora import TrainableLora
from runtime.training.lora_settings import LoraSettings
from runtime.training.settings import TrainingSettings
from runtime.training.trainer import train
from runtime.training.weights import load_frozen_decoder
from tests.helpers.training import one_row

told = json.loads(sys.argv[1])
torch.set_num_threads(1)
rng = np.random.default_rng(0)
rows = [one_row(rng, *told["lengths"]) for _ in range(2)]
decoder = load_frozen_decoder(told["path"], told["dtype"], keep_quantized=told["quantized"])
lora = TrainableLora(decoder, LoraSettings(rank=told["rank"], last_layers=told["last"]))
train(decoder, lora, rows, TrainingSettings(checkpoint_activations=told["checkpoint"]))
print(int(re.search("VmHWM: +([0-9]+)", open("/proc/self/status").read().replace("\\t", " "))[1]) * 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lengths", "settings"),
    [
        ((64, 64), {}),
        ((256,) * 4, {}),
        ((256,) * 4, {"checkpoint": True}),
        ((256,) * 2, {"dtype": "float32"}),
        ((256,) * 2, {"quantized": True}),
        ((256,) * 4, {"last": 8}),
        ((256,) * 2, {"rank": 64}),
    ],
    ids=["short", "row", "checkpointed", "float32", "quantized", "last layers", "high rank"],
)
def test_the_peak_of_a_run_is_close_to_what_was_planned(lengths, settings):
    told = {
        "path": str(real_model("smollm2-135m")),
        "lengths": lengths,
        "dtype": "bfloat16",
        "quantized": False,
        "checkpoint": False,
        "rank": 8,
        "last": None,
    } | settings
    done = subprocess.run([sys.executable, "-c", _TRAIN, json.dumps(told)], capture_output=True, text=True, check=True)
    measured = int(done.stdout)
    model = read_model_shape(told["path"])
    adapter = low_rank_shape(model, LoraSettings(rank=told["rank"], last_layers=told["last"]))
    options = MemoryOptions(
        dtype_bytes=2 if told["dtype"] == "bfloat16" else 4,
        keep_quantized=told["quantized"],
        checkpoint_activations=told["checkpoint"],
    )
    batch = batch_shape([one_row(np.random.default_rng(0), *lengths)])
    planned = sum(memory_parts(model, adapter, batch, 2 * batch.num_tokens, options).values())
    assert planned == pytest.approx(measured, rel=PEAK)
