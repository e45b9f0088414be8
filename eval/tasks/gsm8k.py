"""Word problems of GSM8K, solved step by step: zero-shot, with 8 worked examples, and by a vote of 8 samples.

    python -m eval.tasks.gsm8k --run zero-shot|8-shot|self-consistency@8 [--limit 100] [--model smollm2-135m] [--write]

The first problems of the test part, in their order. The examples are the prompt's own (`prompts/reasoning/math.en`),
none of them from GSM8K. An answer counts as right where the number in the last line is the reference's; a model that
forgets the line is made to write one, and "given unasked" says how often it was not needed. Accuracy comes with its
95 % Wilson interval. "tokens a second" is all generated tokens over all seconds, prompts included; a vote decodes its
samples as one batch.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from appkit import GenerationSettings, LanguageModel, open_model
from appkit.reasoning import AnswerLine, ChainOfThought, Reasoned, number_answer, self_consistency, think
from eval.metrics.wilson import wilson_interval
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "gsm8k"
NUM_SAMPLES = 8
MAX_TOKENS = 256
ZERO_SHOT = ChainOfThought(
    prompt="reasoning/math.en",
    examples=(),
    line=AnswerLine.number(),
    settings=GenerationSettings(max_tokens=MAX_TOKENS, temperature=0.0),
)
FEW_SHOT = ChainOfThought(
    prompt="reasoning/math.en",
    line=AnswerLine.number(),
    settings=GenerationSettings(max_tokens=MAX_TOKENS, temperature=0.0),
)
SAMPLED = ChainOfThought(
    prompt="reasoning/math.en",
    line=AnswerLine.number(),
    settings=GenerationSettings(max_tokens=MAX_TOKENS, temperature=0.7, seed=0),
)
RUNS = ("zero-shot", "8-shot", f"self-consistency@{NUM_SAMPLES}")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A problem and the number that solves it."""

    question: str
    gold: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One problem asked."""

    idx: int
    answer: str | None  # as a plain number
    gold: str
    num_samples: int
    num_unasked: int  # samples that gave the answer line without being made to
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float

    @property
    def is_right(self) -> bool:
        return self.answer == self.gold


def load_gsm8k(folder: Path, limit: int | None = None) -> list[Problem]:
    """The first problems of the test part.

    Raises:
        ValueError: a line without a number behind "####".
    """
    rows = [json.loads(line) for line in (folder / "test-400.jsonl").read_text("utf-8").splitlines()]
    problems = [Problem(question=row["question"], gold=_gold(row["answer"])) for row in rows]
    return problems[:limit]


def ask(model: LanguageModel, run: str, idx: int, problem: Problem) -> Outcome:
    """Ask one problem in the way of `run`, one of `RUNS`."""
    started = time.perf_counter()
    samples: Sequence[Reasoned]
    if run == RUNS[2]:
        consensus = self_consistency(model, problem.question, SAMPLED, n=NUM_SAMPLES)
        answer, samples = consensus.answer, consensus.samples
    else:
        reasoned = think(model, problem.question, FEW_SHOT if run == RUNS[1] else ZERO_SHOT)
        answer, samples = reasoned.answer, [reasoned]
    seconds = time.perf_counter() - started
    usages = [sample.usage for sample in samples]
    return Outcome(
        idx=idx,
        answer=None if answer is None else number_answer(answer),
        gold=problem.gold,
        num_samples=len(samples),
        num_unasked=sum(sample.answer is not None and len(sample.completions) == 1 for sample in samples),
        prompt_tokens=sum(usage.prompt_tokens for usage in usages),
        cached_tokens=sum(usage.cached_tokens for usage in usages),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
        seconds=round(seconds, 3),
    )


def ask_all(
    model: LanguageModel, run: str, problems: Sequence[Problem], progress: Path | None = None
) -> Iterator[Outcome]:
    """Ask every problem. Outcomes are appended to `progress`, and those it holds already are not asked again."""
    done = _read_progress(progress, problems)
    for idx, problem in enumerate(problems):
        if idx in done:
            yield done[idx]
            continue
        outcome = ask(model, run, idx, problem)
        if progress is not None:
            with progress.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(outcome)) + "\n")
        yield outcome


def summarise(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The figures of a run."""
    num_right = sum(outcome.is_right for outcome in outcomes)
    low, high = wilson_interval(num_right, len(outcomes))
    seconds = sum(outcome.seconds for outcome in outcomes)
    num_samples = sum(outcome.num_samples for outcome in outcomes)
    num_tokens = sum(outcome.completion_tokens for outcome in outcomes)
    return {
        "problems": len(outcomes),
        "right": num_right,
        "accuracy": num_right / len(outcomes),
        "95 % interval, low": low,
        "95 % interval, high": high,
        "samples a problem": num_samples / len(outcomes),
        "answer line given unasked": sum(outcome.num_unasked for outcome in outcomes) / num_samples,
        "prompt tokens": sum(outcome.prompt_tokens for outcome in outcomes),
        "of them cached": sum(outcome.cached_tokens for outcome in outcomes),
        "generated tokens": num_tokens,
        "seconds": seconds,
        "tokens a second": num_tokens / seconds if seconds else 0.0,
    }


def as_markdown(report: dict[str, Any]) -> str:
    """One run as a section."""
    rows = [f"| {name} | {_figure(value)} |" for name, value in report["summary"].items()]
    return "\n".join([f"## {report['run']}", "", "| | |", "|---|---|", *rows])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.gsm8k", description=__doc__.splitlines()[0])
    parser.add_argument("--run", choices=RUNS, required=True)
    parser.add_argument("-m", "--model", default="smollm2-135m")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with test-400.jsonl")
    parser.add_argument("--progress", type=Path, help="keep outcomes in this file, and go on from what it holds")
    parser.add_argument("--write", action="store_true", help="also put the figures into eval/results")
    options = parser.parse_args()
    if options.limit < 1:
        parser.error(f"--limit is {options.limit}; ask at least 1 problem.")

    problems = load_gsm8k(options.data, options.limit)
    outcomes: list[Outcome] = []
    with open_model(options.model) as model:
        for outcome in ask_all(model, options.run, problems, options.progress):
            outcomes.append(outcome)
            num_right = sum(done.is_right for done in outcomes)
            sys.stderr.write(f"{len(outcomes)}/{len(problems)}  {num_right} right  {outcome.seconds:.1f} s\n")
    run = f"{options.run}, {options.model}, {len(problems)} problems"
    arguments = ["--run", options.run, "--model", options.model, "--limit", str(options.limit)]
    report: dict[str, Any] = {"run": run, "summary": summarise(outcomes)} | provenance("eval.tasks.gsm8k", *arguments)
    if options.write:
        about = " ".join(__doc__.split("\n\n")[2].split())
        write_results("gsm8k", run, report, title="GSM8K", about=about, as_markdown=as_markdown)
    sys.stdout.write(as_markdown(report) + "\n")
    return 0


def _read_progress(progress: Path | None, problems: Sequence[Problem]) -> dict[int, Outcome]:
    """Outcomes of an earlier run, by problem. Raises ValueError where they are of other problems."""
    if progress is None or not progress.exists():
        return {}
    outcomes = [Outcome(**json.loads(line)) for line in progress.read_text("utf-8").splitlines()]
    done = {outcome.idx: outcome for outcome in outcomes if outcome.idx < len(problems)}
    wrong = next((idx for idx, outcome in done.items() if outcome.gold != problems[idx].gold), None)
    if wrong is not None:
        raise ValueError(f"{progress} has another problem {wrong}: name a file that is not there yet.")
    return done


def _gold(answer: str) -> str:
    number = number_answer(answer.rpartition("####")[2])
    if number is None:
        raise ValueError(f"The reference answer {answer[-80:]!r} ends with no number.")
    return number


def _figure(value: float) -> str:
    return f"{value:,d}" if isinstance(value, int) else f"{value:,.3f}"


if __name__ == "__main__":
    sys.exit(main())
