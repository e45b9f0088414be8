"""The example that fine-tunes, as its user runs it: held-out packages sorted before and after, for several draws.

    apt-get update
    python -m eval.tasks.fine_tuning FOLDER [--seeds 0 1 2] [--write]

`examples/11_fine_tune.py` teaches smollm2-135m to name the section of a Debian package, one of twelve, by its one-line
description: LoRA of rank 8 on all linear maps, one epoch of 1,200 lines, the other settings those of `tune`. Each seed
draws other lines to learn and to measure with. The answer is the section with the highest probability. Lines to
measure with come from other sources than those learnt, and share less than half of their words with any of them.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.harness.run_files import CONDITIONS
from eval.harness.stored_run import Run, load_run
from eval.metrics import compare_pairs
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results

EXAMPLE = Path(__file__).parents[2] / "examples" / "11_fine_tune.py"


COMMAND = "eval.tasks.fine_tuning"


def summarise(folder: Path) -> dict[str, Any]:
    """What a finished run of the example found: accuracies, and their difference sample by sample."""
    before, after = load_run(folder / "before"), load_run(folder / "after")
    right = [[answered.values["acc"] for _, answered in run.samples] for run in (after, before)]
    compared = compare_pairs(*right)
    figures = {"before": before.figures["acc"], "after": after.figures["acc"], "difference": compared.difference}
    return {
        "lines": len((folder / "train.jsonl").read_text("utf-8").splitlines()),
        "questions": len(right[0]),
        "p": compared.p_value,
        "evaluation_s": [round(_seconds(run)) for run in (before, after)],
        **{name: {"value": figure.value, "interval": figure.interval} for name, figure in figures.items()},
    }


def as_markdown(figures: Mapping[str, Any]) -> str:
    """One seed's run as a section of the page."""
    before_s, after_s = figures["evaluation_s"]
    rows = [f"| {name} | {_shown(figures[name])} |" for name in ("before", "after", "difference")]
    return "\n".join(
        [
            f"## Seed {figures['seed']}",
            "",
            f"{figures['lines']:,} lines learnt, {figures['questions']} others asked.",
            "",
            "| accuracy | value | 95 % |",
            "|---|---|---|",
            *rows,
            "",
            f"p = {figures['p']:.4f}. Evaluating took {before_s} s, training {figures['training_s']} s, "
            f"evaluating again {after_s} s.",
        ]
    )


def _seconds(run: Run) -> float:
    conditions = json.loads((run.folder / CONDITIONS).read_text("utf-8"))
    return float(conditions["seconds"])


def _shown(figure: Mapping[str, Any]) -> str:
    low, high = figure["interval"]
    return f"{figure['value']:.3f} | {low:.3f} … {high:.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the example for each seed and print what it found; with --write, also into `eval/results`."""
    parser = argparse.ArgumentParser(prog=f"python -m {COMMAND}", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where each seed's run is kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--write", action="store_true", help="also put the figures into eval/results")
    options = parser.parse_args(arguments)
    for seed in options.seeds:
        folder = options.folder / f"seed-{seed}"
        done = subprocess.run([sys.executable, EXAMPLE, folder, str(seed)], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            return done.returncode
        learnt = re.search(r"^Learnt in (\d+) s", done.stdout, re.M)
        assert learnt, done.stdout
        figures = {
            "seed": seed,
            **summarise(folder),
            "training_s": int(learnt[1]),
            **provenance(COMMAND, "FOLDER", "--seeds", str(seed)),
        }
        sys.stdout.write(as_markdown(figures) + "\n\n")
        if options.write:
            about = " ".join(" ".join((__doc__ or "").split("\n\n")[2:]).split())
            write_results(
                "fine-tuning-example", f"seed {seed}", figures, title="The example of fine-tuning", about=about,
                as_markdown=as_markdown,
            )  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
