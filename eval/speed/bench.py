"""A benchmark of a model file: sides take turns in processes of their own, so that what else runs falls on all of them.

Reported are medians over all repetitions, with the least and the most.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from appkit.errors import EvaluationError
from eval.speed.cases import Case
from runtime import load_model, measure_bandwidth

TIMEOUT_S = 3600  # of one process
_LOWER_IS_BETTER = ("s", "MB")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    test: str
    unit: str
    ours: list[float]  # a value a repetition
    peer: list[float]  # none without a peer

    @property
    def ratio(self) -> float | None:
        """How many times as good we are: of rates ours by theirs, of seconds and memory theirs by ours."""
        if not self.peer:
            return None
        ours, peer = statistics.median(self.ours), statistics.median(self.peer)
        return peer / ours if self.unit in _LOWER_IS_BETTER else ours / peer

    def as_json(self) -> dict[str, Any]:
        """Medians, with the least and the most beside them."""
        sides = {"ours": self.ours, "peer": self.peer}
        found: dict[str, Any] = {"test": self.test, "unit": self.unit}
        for side, values in sides.items():
            found[side] = round(statistics.median(values), 4) if values else None
            found[f"{side}_spread"] = [round(min(values), 4), round(max(values), 4)] if values else None
        return found | {"ratio": None if self.ratio is None else round(self.ratio, 3)}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is timed, and how often."""

    path: Path
    cases: Sequence[Case]
    peer: str | None
    num_threads: int
    processes: int  # of each side
    repetitions: int  # in each process


def run(plan: Plan, on_side: Callable[[str, int], None] = lambda side, place: None) -> dict[str, Any]:
    """Everything that `appkit bench --json` prints.

    Args:
        on_side: told before each process which side it is and how many went before.

    Raises:
        EvaluationError: no test fits the model's context, or a process failed: its last words are in the message.
        What opening the model raises.
    """
    plan, left_out, bytes_per_token = _fitting(plan)
    sides = ["ours", *([plan.peer] if plan.peer else [])]
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    bandwidths = [measure_bandwidth(plan.num_threads)]
    for round_idx in range(plan.processes):
        for place, side in enumerate(sides):
            on_side(side, round_idx * len(sides) + place)
            found[side].append(_in_a_process(side, plan))
        bandwidths.append(measure_bandwidth(plan.num_threads))
    rows = _rows(found["ours"], found[plan.peer] if plan.peer else [], plan.cases)
    return {
        "model": plan.path.name,
        "peer": plan.peer,
        "threads": plan.num_threads,
        "processes": plan.processes,
        "repetitions": plan.repetitions,
        "rows": [row.as_json() for row in rows],
        "left_out": left_out,  # for they are longer than the model's context
        **_bandwidth(statistics.median(bandwidths), bytes_per_token, rows),
    }


def _fitting(plan: Plan) -> tuple[Plan, list[str], int]:
    """The plan without the tests that the model's context cannot hold, their names, and the bytes a token reads."""
    with load_model(plan.path) as model:
        room, bytes_per_token = model.config.max_seq_len, model.bytes_per_token
    cases = [case for case in plan.cases if case.num_positions <= room]
    left_out = [case.name for case in plan.cases if case not in cases]
    if not cases:
        raise EvaluationError(
            f"{plan.path.name} holds {room:,} tokens, too few for {', '.join(left_out)}: choose another --test."
        )
    return replace(plan, cases=cases), left_out, bytes_per_token


def _in_a_process(side: str, plan: Plan) -> dict[str, Any]:
    command = [sys.executable, "-m", "eval.speed.worker", side, str(plan.path)]
    command += ["--threads", str(plan.num_threads), "--repetitions", str(plan.repetitions)]
    command += ["--tests", *(case.name for case in plan.cases)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    if done.returncode:
        complaint = (done.stderr.strip().splitlines() or ["no word of why"])[-1]
        raise EvaluationError(f"The benchmark of {side} ended with status {done.returncode}: {complaint}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _rows(ours: list[dict[str, Any]], peer: list[dict[str, Any]], cases: Sequence[Case]) -> list[Row]:
    rows = [Row(test=case.name, unit="tokens/s", ours=_rates(ours, case), peer=_rates(peer, case)) for case in cases]
    return [
        *rows,
        _of_processes("load", "s", ours, peer, "load_s"),
        _of_processes("first token, loaded", "s", ours, peer, "first_token_s"),
        _of_processes("peak memory", "MB", ours, peer, "peak_mb"),
    ]


def _rates(processes: list[dict[str, Any]], case: Case) -> list[float]:
    return [rate for process in processes for rate in process["tokens_per_s"][case.name]]


def _of_processes(test: str, unit: str, ours: list[dict[str, Any]], peer: list[dict[str, Any]], key: str) -> Row:
    return Row(test=test, unit=unit, ours=[process[key] for process in ours], peer=[process[key] for process in peer])


def _bandwidth(bytes_per_s: float, bytes_per_token: int, rows: Sequence[Row]) -> dict[str, Any]:
    """What memory allows, and how much of it decoding at depth 0 reaches: every token reads all weights once."""
    limit = bytes_per_s / bytes_per_token
    decode = next((statistics.median(row.ours) for row in rows if row.test == "decode at 0"), None)
    return {
        "bandwidth_gb_s": round(bytes_per_s / 1e9, 2),
        "bytes_per_token": bytes_per_token,
        "roofline_tokens_per_s": round(limit, 1),
        "bandwidth_share": None if decode is None else round(decode / limit, 3),
    }
