import dataclasses

import pytest

from runtime.config import ModelConfig
from runtime.training.settings import TrainingSettings, learning_rate_at
from runtime.training.trainable import low_rank_learning_rate

CONFIG = ModelConfig(
    architecture="llama",
    kind="decoder",
    vocab_size=10,
    hidden_size=2048,
    intermediate_size=10,
    num_layers=1,
    num_heads=1,
    num_kv_heads=1,
    head_dim=8,
    max_seq_len=8,
    norm_eps=1e-5,
    activation="silu",
    attention_scale=1.0,
    rope=None,
)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"schedule": "cubic"}, "schedule is 'cubic'"),
        ({"learning_rate": 0.0}, "learning_rate is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"warmup_share": 2.0}, "warmup_share is 2"),
        ({"num_epochs": 0}, "num_epochs is 0"),
        ({"save_every": 0}, "save_every is 0"),
        ({"weight_decay": 1.0}, "weight_decay is 1"),
        ({"betas": (0.9, 1.0)}, "betas are"),
        ({"spike_factor": 1.0}, "spike_factor is 1"),
    ],
)
def test_settings_out_of_range_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        TrainingSettings(**settings)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1, 1, 1, 1]),
        ("linear", [0.5, 1, 0.75, 0.5, 0.25]),
        ("cosine", [0.5, 1, 0.853553, 0.5, 0.146447]),
    ],
)
def test_the_rate_rises_over_the_warm_up_and_then_follows_the_schedule(schedule, expected):
    settings = TrainingSettings(schedule=schedule, warmup_share=0.2)
    assert [learning_rate_at(step, 5, 1.0, settings) for step in range(5)] == pytest.approx(expected, abs=1e-6)


def test_smaller_models_and_smaller_scales_take_larger_steps():
    assert low_rank_learning_rate(CONFIG, 2.0) == pytest.approx(2e-4)
    assert low_rank_learning_rate(CONFIG, 4.0) == pytest.approx(1e-4)
    small = dataclasses.replace(CONFIG, hidden_size=512)
    assert low_rank_learning_rate(small, 2.0) == pytest.approx(2e-4 * 4**0.78)
