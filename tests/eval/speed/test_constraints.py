"""The figures of constraints are there for every case, on a small vocabulary."""

from pathlib import Path

from eval.speed.constraints import agent_cases, decoding, measure
from eval.tasks.constrained_cases import cases
from runtime import Engine, load_model
from tests.helpers.tiny_model import write_tiny_model


def test_every_case_is_measured_and_decoding_too(tmp_path: Path) -> None:
    with load_model(write_tiny_model(tmp_path / "tiny.gguf"), num_threads=1) as model:
        figures = measure(model.tokenizer, num_steps=3)
        with Engine(model) as engine:
            speeds = decoding(engine)["ms_a_token"]
    assert set(figures["cases"]) == {case.name for case in (*cases(), *agent_cases())}
    assert all(found["compile_ms"] > 0 and found["mask_us"]["mean"] > 0 for found in figures["cases"].values())
    assert speeds["free"] > 0 < speeds["constrained"]
