"""Questions about the documents that come with the project, in both languages: does a quote hold the answer?

    python -m eval.tasks.demo_questions [--embedder e5-small-multilingual] [--json]

A few dozen questions written beside the documents, some of them used to choose settings: they find what is broken, in
Chinese above all, and rank nothing.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from appkit import Index
from eval.tasks.provenance import provenance

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = ROOT / "eval" / "data" / "demo_questions.jsonl"
DOCUMENTS = ROOT / "examples" / "documents"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One question asked. `gold` is text that answers it, "" where the documents do not."""

    question: str
    gold: str
    text: str
    probability: float
    is_answered: bool
    is_right: bool  # the gold text was quoted, or rightly nothing was


def ask_all(index: Index) -> Iterator[Outcome]:
    """Ask every question of the file."""
    for row in map(json.loads, QUESTIONS.read_text("utf-8").splitlines()):
        answer = index.ask(row["question"])
        is_right = any(row["gold"] in c.quote for c in answer.citations) if row["gold"] else not answer.answerable
        yield Outcome(
            question=row["question"],
            gold=row["gold"],
            text=answer.text,
            probability=round(answer.answerable_probability, 3),
            is_answered=answer.answerable,
            is_right=is_right,
        )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.demo_questions", description=__doc__.splitlines()[0])
    parser.add_argument("--embedder", default="e5-small-multilingual")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    with TemporaryDirectory() as folder, Index.sync(DOCUMENTS, embedder=options.embedder, path=folder) as index:
        outcomes = list(ask_all(index))
    if options.json:
        report = {"embedder": options.embedder, "outcomes": [asdict(o) for o in outcomes]}
        sys.stdout.write(
            json.dumps(
                report | provenance("eval.tasks.demo_questions", "--embedder", options.embedder), ensure_ascii=False
            )
            + "\n"
        )
        return 0
    for outcome in outcomes:
        mark = "✓" if outcome.is_right else "✗"
        sys.stdout.write(f"{mark} {outcome.probability:.2f} {outcome.question}  →  {outcome.text!r}\n")
    for name, some in (("answered", [o for o in outcomes if o.gold]), ("refused", [o for o in outcomes if not o.gold])):
        sys.stdout.write(f"rightly {name}: {sum(o.is_right for o in some)} of {len(some)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
