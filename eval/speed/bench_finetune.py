"""`appkit bench --vs peft`: fine-tuning beside PEFT at its best, from the sides of `eval.speed.finetune`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from eval.speed.bench import Row
from eval.speed.finetune import compare

OURS, OURS_IN_PART = "ours-bfloat16", "ours-bfloat16-last-quarter"
THEIRS = ("peft-bfloat16-adapters-too", "peft-bfloat16")  # float32 is nowhere the fastest


def run(
    path: Path,
    num_threads: int,
    processes: int,
    steps: int,
    on_side: Callable[[str, int], None] = lambda side, place: None,
) -> dict[str, Any]:
    """What `appkit bench --json` prints of fine-tuning; the peer of a row is whichever of theirs does it best.

    Raises:
        subprocess.CalledProcessError: a side failed.
    """
    sides = (OURS, OURS_IN_PART, *THEIRS)
    found = compare(str(path), sides, repeats=processes, steps=steps, threads=num_threads, on_side=on_side)
    fastest = max(THEIRS, key=lambda side: float(found[side]["tokens_per_s"]))
    leanest = min(THEIRS, key=lambda side: float(found[side]["peak_mb"]))
    rows = [
        Row(test="training", unit="tokens/s", ours=_rates(found, OURS), peer=_rates(found, fastest)),
        Row(
            test="training, processor time a step",
            unit="s",
            ours=[found[OURS]["processor_seconds_a_step"]],
            peer=[min(found[side]["processor_seconds_a_step"] for side in THEIRS)],
        ),
        Row(test="last quarter of the layers", unit="tokens/s", ours=_rates(found, OURS_IN_PART), peer=[]),
        Row(test="peak memory", unit="MB", ours=[found[OURS]["peak_mb"]], peer=[found[leanest]["peak_mb"]]),
    ]
    return {
        "model": path.name,
        "peer": "peft",
        "threads": num_threads,
        "processes": processes,
        "repetitions": steps,
        "rows": [row.as_json() for row in rows],
        "left_out": [],
    }


def _rates(found: dict[str, Any], side: str) -> list[float]:
    return [float(rate) for rate in found[side]["tokens_per_s_of_each"]]
