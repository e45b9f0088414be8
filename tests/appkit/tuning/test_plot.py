"""The picture of a run: a PNG of the size promised, left out without matplotlib, never half there."""

import struct
from pathlib import Path

import numpy as np
import pytest

from appkit.tuning.plot import smoothed, write_loss_plot
from appkit.tuning.result import TuneResult

pytest.importorskip("matplotlib", reason="the picture of a run is drawn with it")


def result_of(num_steps: int, **changes: object) -> TuneResult:
    fields = {
        "folder": Path("out"),
        "model": "/models/tiny.gguf",
        "method": "lora",
        "is_finished": True,
        "num_steps": num_steps,
        "kept_step": num_steps,
        "losses": tuple(3 / (1 + step) for step in range(num_steps)),
        "eval_losses": (),
        "eval_before": None,
        "num_parameters": 1,
        "learning_rate": 1e-3,
        "num_tokens": 1,
        "seconds": 1.0,
        "num_returns": 0,
    }
    return TuneResult(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("num_steps", [0, 1, 5, 300])
def test_a_png_is_written(num_steps: int, tmp_path: Path) -> None:
    assert write_loss_plot(tmp_path / "loss.png", result_of(num_steps))
    data = (tmp_path / "loss.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (1600, 900)  # of the IHDR chunk


def test_evaluations_are_drawn(tmp_path: Path) -> None:
    pictures = []
    for changes in ({}, {"eval_before": 3.0, "eval_losses": ((3, 2.0), (5, 1.0))}, {"kept_step": 3}):
        write_loss_plot(tmp_path / "loss.png", result_of(5, **changes))
        pictures.append((tmp_path / "loss.png").read_bytes())
    assert pictures[0] != pictures[1]


@pytest.mark.parametrize("name", ["模型.gguf", "a$\\frac$b.gguf", "\udcff.gguf"], ids=["chinese", "formula", "bytes"])
def test_names_that_the_font_lacks_or_that_look_like_formulas_do_no_harm(name: str, tmp_path: Path) -> None:
    assert write_loss_plot(tmp_path / "loss.png", result_of(5, model=name))


def test_the_same_run_has_the_same_picture(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        write_loss_plot(tmp_path / name, result_of(50))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_without_matplotlib_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appkit.tuning.plot.find_spec", lambda name: None)
    assert not write_loss_plot(tmp_path / "loss.png", result_of(5))
    assert not (tmp_path / "loss.png").exists()


def test_smoothing_neither_lags_nor_moves_the_mean_of_a_line() -> None:
    line = [float(step) for step in range(200)]
    assert smoothed(line)[50:150] == line[50:150]
    assert smoothed([2.0] * 100) == [2.0] * 100


def test_smoothing_makes_noise_smaller(rng: np.random.Generator) -> None:
    noise = rng.standard_normal(1000).tolist()
    assert np.std(smoothed(noise)) < 0.25  # 51 steps around each: 1/√51 = 0.14


def test_a_short_run_is_drawn_as_it_is() -> None:
    assert smoothed([3.0, 1.0, 2.0]) == [3.0, 1.0, 2.0]
