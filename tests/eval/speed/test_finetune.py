"""Each side of ours measures what it says, on a tiny model; PEFT's need a real one and are left to the script."""

import json
from pathlib import Path

import pytest

from eval.speed.finetune import SAME_TYPES, SIDES, main
from tests.helpers.tiny_model import write_tiny_model

pytest.importorskip("torch", reason="training needs it")


@pytest.mark.parametrize("side", [side for side in SIDES if not side.startswith("peft")])
def test_a_side_tells_its_losses_times_and_memory(
    side: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(write_tiny_model(tmp_path / "tiny.gguf"))
    main([model, "--one-side", side, "--steps", "3", "--length", "16", "--sequences", "2"])
    found = json.loads(capsys.readouterr().out)
    assert found["step_seconds"] > 0 and found["step_processor_seconds"] > 0 and found["peak_mb"] > 0
    if side.startswith("products"):
        assert found["losses"] == []
    else:
        assert len(found["losses"]) == 3 and found["losses"][2] < found["losses"][0]


def test_losses_are_compared_between_sides_that_exist() -> None:
    assert {*SAME_TYPES, *SAME_TYPES.values()} <= set(SIDES)
