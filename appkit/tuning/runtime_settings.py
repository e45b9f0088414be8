"""What options mean to the runtime: the method and the model that they name, and the trainer's settings."""

from typing import TYPE_CHECKING

from appkit.tuning.config import TuneConfig
from appkit.tuning.data import TuneData
from appkit.tuning.methods import Method, find_method

if TYPE_CHECKING:
    from runtime import ModelText, TrainingSettings

_ELSEWHERE = ("openai:", "scripted:")


def checked_model(config: TuneConfig) -> "tuple[Method, ModelText]":
    """The method and the model, with all checked that can be told without data and without torch.

    Raises:
        ValueError: an option that cannot be, or a model that is not to be trained.
        What opening the model raises.
    """
    from runtime import load_model_text

    if config.model.startswith(_ELSEWHERE):
        raise ValueError(
            f"{config.model} runs elsewhere; fine-tuning takes a model file on this machine, such as smollm2-135m."
        )
    method = find_method(config.method)
    method.check(config)
    model = load_model_text(config.model)
    if model.kind == "embed":
        raise ValueError(f"{model.name} turns texts into vectors and writes nothing: it cannot be trained on answers.")
    return method, model


def training_settings(config: TuneConfig, data: TuneData) -> "TrainingSettings":
    """What the trainer is told."""
    from runtime import TrainingSettings

    return TrainingSettings(
        learning_rate=config.learning_rate,
        schedule=config.schedule,
        warmup_share=config.warmup_share,
        num_epochs=config.epochs,
        max_steps=config.max_steps,
        accumulation=config.accumulation,
        max_grad_norm=config.max_grad_norm,
        weight_decay=config.weight_decay,
        seed=config.seed,
        checkpoint_activations=config.checkpoint_activations,
        eval_every=data.eval_every,
        save_every=config.save_every,
    )
