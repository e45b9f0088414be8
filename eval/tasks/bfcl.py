"""The Berkeley Function Calling Leaderboard: one call, a choice among functions, and questions that need none.

    appkit eval run bfcl [--limit N] [--model NAME] [--json]
    python -m eval.tasks.bfcl --run constrained|unconstrained [--limit 100] [--choice auto|required] [--write]

The first questions of "simple_python", "multiple" and "irrelevance" of BFCL v4, at temperature 0. "constrained" holds
an answer to the functions there are and to valid arguments while it is written; "unconstrained" lets the same model
write what it will from the same prompt. A question of the first two is right where the call is the reference's (our own
checker of names, types and values); one of "irrelevance" where nothing is called. "cannot be run" counts calls of
functions that do not exist or with missing, unknown or mistyped arguments, and text that begins a call and is none: the
format errors. With the choice "required" the model has to call something. Accuracy comes with its 95 % Wilson interval.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from appkit import Completion, GenerationSettings, LanguageModel, LocalModel, open_model
from appkit.messages import ToolChoice
from eval.metrics.wilson import wilson_interval
from eval.tasks.bfcl_check import INVALID, Verdict, check_call
from eval.tasks.bfcl_data import CATEGORIES, Category, Question, fetch_bfcl, load_bfcl
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results

TITLE = "Function calls: BFCL simple, multiple, irrelevance"
Run = Literal["constrained", "unconstrained"]
RUNS: tuple[Run, ...] = get_args(Run)
SETTINGS = GenerationSettings(temperature=0.0, max_tokens=160)
IN_FLIGHT = 4  # questions asked at once, which a local model decodes as one batch
_CALL_MARKS = ("<tool_call>", "[TOOL_CALLS]", '{"name"')


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One question asked. `verdict` is "no call" where the model answered in words."""

    id: str
    category: Category
    verdict: Verdict | Literal["no call", "unreadable call", "several calls"]
    is_right: bool
    is_format_error: bool
    prompt_tokens: int
    completion_tokens: int
    forced_tokens: int
    seconds: float
    answer: str  # calls, else text, shortened


def ask(model: LanguageModel, category: Category, question: Question, choice: ToolChoice = "auto") -> Outcome:
    """Ask one question and judge the answer."""
    started = time.perf_counter()
    completion = model.chat(question.messages, SETTINGS, tools=question.tools, tool_choice=choice)
    verdict = _judge(completion, question)
    usage = completion.usage
    return Outcome(
        id=question.id,
        category=category,
        verdict=verdict,
        is_right=verdict == ("no call" if question.reference is None else "right"),
        is_format_error=verdict in INVALID or verdict == "unreadable call",
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        forced_tokens=usage.forced_tokens,
        seconds=round(time.perf_counter() - started, 3),
        answer=_shown(completion),
    )


def ask_all(
    model: LanguageModel,
    questions: Sequence[tuple[Category, Question]],
    choice: ToolChoice = "auto",
    progress: Path | None = None,
    in_flight: int = 1,
) -> Iterator[Outcome]:
    """Ask every question. Outcomes are appended to `progress`, and those it holds already are not asked again."""
    done = _read_progress(progress)
    with ThreadPoolExecutor(in_flight) as pool:
        asked = [
            None if question.id in done else pool.submit(ask, model, category, question, choice)
            for category, question in questions
        ]
        try:
            for (_, question), future in zip(questions, asked, strict=True):
                if future is None:
                    yield done[question.id]
                    continue
                outcome = future.result()
                if progress is not None:
                    with progress.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")
                yield outcome
        finally:
            for future in asked:
                if future is not None:
                    future.cancel()


def summarise(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """The figures of each category, in order."""
    by_category = {name: [outcome for outcome in outcomes if outcome.category == name] for name in CATEGORIES}
    return {name: _figures(found) for name, found in by_category.items() if found}


def evaluate(model: str, limit: int, on_progress: Callable[[int, int], None]) -> dict[str, Any]:
    """A report on the first `limit` questions of each category, as the model is used: constrained where it can be.

    Args:
        on_progress: is told how many questions are done, of how many.
    """
    questions = first_questions(fetch_bfcl(), 0, limit)
    outcomes: list[Outcome] = []
    with open_model(model) as opened:
        for outcome in ask_all(opened, questions, in_flight=IN_FLIGHT if isinstance(opened, LocalModel) else 1):
            outcomes.append(outcome)
            on_progress(len(outcomes), len(questions))
    run = f"{model}, {limit} of each"
    return {"run": run, "summary": summarise(outcomes), "outcomes": [asdict(outcome) for outcome in outcomes]}


def first_questions(folder: Path, start: int, stop: int) -> list[tuple[Category, Question]]:
    """Questions `start` to `stop` of every category."""
    return [(name, question) for name in CATEGORIES for question in load_bfcl(folder, name)[start:stop]]


def as_markdown(report: dict[str, Any]) -> str:
    """One run as a section."""
    header = ["category", "questions", "right", "accuracy", "95 % interval", "cannot be run", "no call", "wrong tool",
              "wrong value", "tokens made", "of them forced", "seconds"]  # fmt: skip
    rows = [header, ["---"] * len(header)]
    for name, figures in report["summary"].items():
        interval = f"{figures['low']:.3f}–{figures['high']:.3f}"
        counts = [figures[key] for key in ("format errors", "no call", "wrong tool", "wrong value", "tokens", "forced")]
        accuracy = f"{figures['accuracy']:.3f}"
        rows.append(
            [name, figures["questions"], figures["right"], accuracy, interval, *counts, round(figures["seconds"])]
        )
    table = "\n".join("| " + " | ".join(map(str, row)) + " |" for row in rows)
    return f"## {report['run']}\n\n{table}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.bfcl", description=__doc__.splitlines()[0])
    parser.add_argument("--run", choices=RUNS, required=True)
    parser.add_argument("-m", "--model", default="smollm2-135m", help="a local model")
    parser.add_argument("--limit", type=int, default=100, help="questions of each category")
    parser.add_argument("--start", type=int, default=0, help="the first question, counted from 0")
    parser.add_argument("--choice", choices=("auto", "required"), default="auto")
    parser.add_argument("--progress", type=Path, help="keep outcomes in this file, and go on from what it holds")
    parser.add_argument("--write", action="store_true", help="also put the figures into eval/results")
    options = parser.parse_args()
    if options.limit < 1 or options.start < 0:
        parser.error(f"--limit is {options.limit} and --start {options.start}; ask at least 1 question, from 0 on.")

    questions = first_questions(fetch_bfcl(), options.start, options.start + options.limit)
    outcomes: list[Outcome] = []
    with LocalModel(options.model, masks_tool_calls=options.run == "constrained") as model:
        for outcome in ask_all(model, questions, options.choice, options.progress, IN_FLIGHT):
            outcomes.append(outcome)
            num_right = sum(done.is_right for done in outcomes)
            sys.stderr.write(f"{len(outcomes)}/{len(questions)}  {num_right} right  {outcome.verdict}\n")
    place = f", from question {options.start}" if options.start else ""
    run = f"{options.run}, choice {options.choice}, {options.model}, {options.limit} of each{place}"
    arguments = ["--run", options.run, "--model", options.model, "--limit", str(options.limit)]
    arguments += ["--choice", options.choice, *(["--start", str(options.start)] if options.start else [])]
    report: dict[str, Any] = {"run": run, "summary": summarise(outcomes)} | provenance("eval.tasks.bfcl", *arguments)
    if options.write:
        about = " ".join(__doc__.split("\n\n")[2].split())
        write_results("bfcl", run, report, title=TITLE, about=about, as_markdown=as_markdown)
    sys.stdout.write(as_markdown(report) + "\n")
    return 0


def _judge(
    completion: Completion, question: Question
) -> Verdict | Literal["no call", "unreadable call", "several calls"]:
    calls = completion.tool_calls
    if not calls:
        is_begun = any(mark in completion.text for mark in _CALL_MARKS)
        return "unreadable call" if is_begun else "no call"
    reference = question.reference or {"": {}}  # of a function that is not there: every call is wrong
    verdicts = [check_call(call, question.tools, reference) for call in calls]
    fault = next((verdict for verdict in verdicts if verdict in INVALID), None)
    if fault is not None:
        return fault
    return verdicts[0] if len(calls) == 1 else "several calls"


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    num_right = sum(outcome.is_right for outcome in outcomes)
    low, high = wilson_interval(num_right, len(outcomes))
    verdicts = Counter(outcome.verdict for outcome in outcomes)
    return {
        "questions": len(outcomes),
        "right": num_right,
        "accuracy": num_right / len(outcomes),
        "low": low,
        "high": high,
        "format errors": sum(outcome.is_format_error for outcome in outcomes),
        "no call": verdicts["no call"],
        "wrong tool": verdicts["wrong tool"],
        "wrong value": verdicts["wrong value"] + verdicts["several calls"],
        "verdicts": dict(verdicts.most_common()),
        "tokens": sum(outcome.completion_tokens for outcome in outcomes),
        "forced": sum(outcome.forced_tokens for outcome in outcomes),
        "seconds": sum(outcome.seconds for outcome in outcomes),
    }


def _read_progress(progress: Path | None) -> dict[str, Outcome]:
    """Outcomes of an earlier run, by question."""
    if progress is None or not progress.exists():
        return {}
    outcomes = [Outcome(**json.loads(line)) for line in progress.read_text("utf-8").splitlines()]
    return {outcome.id: outcome for outcome in outcomes}


def _shown(completion: Completion) -> str:
    if not completion.tool_calls:
        return completion.text[:300]
    calls = [{"name": call.name, "arguments": dict(call.arguments)} for call in completion.tool_calls]
    return json.dumps(calls, ensure_ascii=False)[:1000]


if __name__ == "__main__":
    sys.exit(main())
