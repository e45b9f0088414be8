"""What a run will take, told before it starts. Torch is needed for the time alone, which a few batches tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from appkit.tuning.config import TuneConfig
from appkit.tuning.data import TuneData, prepare_rows, with_absolute_paths
from appkit.tuning.methods import Method
from appkit.tuning.runtime_settings import checked_model, training_settings

if TYPE_CHECKING:
    from runtime import (
        AdapterShape,
        BottleneckSettings,
        LoraSettings,
        ModelShape,
        ModelText,
        Probe,
        TrainingPlan,
        VirtualTokenSettings,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class TunePlan:
    """A run as it would be, and what it takes."""

    config: TuneConfig
    data: TuneData
    training: "TrainingPlan"


def plan_tuning(config: TuneConfig, *, with_probe: bool = True) -> TunePlan:
    """What the run that `config` describes will take. Nothing is written.

    Args:
        with_probe: run a few batches, about two seconds, to tell the time. Left out where the run does not fit.

    Raises:
        ValueError: an option that cannot be, or a model that is not to be trained.
        ImportError: the probe needs torch, which is not installed.
        runtime.errors.TrainingDataError: data that cannot be trained on.
        What opening the model raises.
    """
    method, model = checked_model(config)
    if with_probe and find_spec("torch") is None:
        raise ImportError(
            'The time is told by a probe, which needs torch: pip install "appkit-llm[train]". Without a probe '
            "(--no-probe) memory is planned all the same."
        )
    config = with_absolute_paths(config)
    data = prepare_rows(config, model)
    training = plan_rows(config, method, model, data)
    if with_probe and training.fits:
        training = plan_rows(config, method, model, data, _probe(config, method, model, data))
    return TunePlan(config=config, data=data, training=training)


def plan_rows(
    config: TuneConfig, method: Method, model: "ModelText", data: TuneData, probe: "Probe | None" = None
) -> "TrainingPlan":
    """The same of data that are prepared. Raises ValueError for an option that does not fit the model."""
    from runtime import MemoryOptions, plan_training, read_model_shape

    shape = read_model_shape(model.path)
    return plan_training(
        shape,
        _SHAPES[config.method](shape, method.check(config)),
        data.rows,
        training_settings(config, data),
        MemoryOptions(dtype_bytes=4 if config.dtype == "float32" else 2, keep_quantized=config.quantized),
        eval_rows=data.eval_rows,
        is_preference=data.is_preference,
        probe=probe,
    )


def _probe(config: TuneConfig, method: Method, model: "ModelText", data: TuneData) -> "Probe":
    from runtime import DirectPreference, NextToken, load_frozen_decoder, probe_training

    decoder = load_frozen_decoder(model.path, config.dtype, keep_quantized=config.quantized)
    adapter = method.make(decoder, config, model.tokenizer)
    objective = DirectPreference(beta=config.beta) if data.is_preference else NextToken()
    return probe_training(decoder, adapter, data.rows, training_settings(config, data), objective)


def _low_rank(model: "ModelShape", settings: object) -> "AdapterShape":
    from runtime import low_rank_shape

    return low_rank_shape(model, cast("LoraSettings", settings))


def _dora(model: "ModelShape", settings: object) -> "AdapterShape":
    from runtime import low_rank_shape

    return low_rank_shape(model, cast("LoraSettings", settings), has_magnitudes=True)


def _bottleneck(model: "ModelShape", settings: object) -> "AdapterShape":
    from runtime import bottleneck_shape

    return bottleneck_shape(model, cast("BottleneckSettings", settings))


def _soft_prompt(model: "ModelShape", settings: object) -> "AdapterShape":
    from runtime import soft_prompt_shape

    return soft_prompt_shape(model, cast("VirtualTokenSettings", settings))


def _prefix(model: "ModelShape", settings: object) -> "AdapterShape":
    from runtime import prefix_shape

    return prefix_shape(model, cast("VirtualTokenSettings", settings))


_SHAPES: "Mapping[str, Callable[[ModelShape, object], AdapterShape]]" = {
    "lora": _low_rank,
    "rslora": _low_rank,
    "dora": _dora,
    "bottleneck": _bottleneck,
    "prompt-tuning": _soft_prompt,
    "prefix-tuning": _prefix,
}
