"""One side of a benchmark in a process of its own, so that its memory and its threads are its own."""

import argparse
import dataclasses
import importlib
import json
import sys
from pathlib import Path

from eval.speed.cases import find_cases
from runtime import default_num_threads

SIDES = ("ours", "llama-cpp")


def main(arguments: list[str]) -> None:
    """Print what a side measured, as JSON."""
    parser = argparse.ArgumentParser(prog="python -m eval.speed.worker")
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("path", type=Path)
    parser.add_argument("--tests", nargs="*", default=[])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args(arguments)
    cases = find_cases(options.tests)
    threads = options.threads or default_num_threads()
    side = importlib.import_module(f"eval.speed.{options.side.replace('-', '_')}")
    timed = side.measure(options.path, cases, options.repetitions, threads)
    sys.stdout.write(json.dumps(dataclasses.asdict(timed) | {"peak_mb": _peak_mb()}) + "\n")


def _peak_mb() -> float:
    """The most memory this process held at one moment, files it mapped included (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


if __name__ == "__main__":
    main(sys.argv[1:])
