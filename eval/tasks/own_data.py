"""What answers that know nothing score on our own data, and models beside them: eval/results/own-data.md.

    python -m eval.tasks.own_data RUN…

RUN is the folder of a finished run of one of the tasks; each task's table holds the runs that are named.
"""

import argparse
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from appkit import CompletionStream, GenerationSettings, Message, ScriptedModel
from appkit.errors import EvaluationError
from appkit.llm.base import DEFAULT_SETTINGS
from eval.harness.registry import find_task
from eval.harness.run import load_run
from eval.harness.task import Sample
from eval.metrics import Figure, bleu, chrf, mean_figure, rouge
from eval.tasks.provenance import provenance
from eval.tasks.results import RESULTS, write_results

Figures = Mapping[str, Figure]
TRANSLATIONS = {"translation_zh_en": ("zh", "en"), "translation_en_zh": ("en", "zh")}  # task: from, into
SUMMARIES = ("summaries_en", "summaries_zh")
CHOICES = ("choices_en", "choices_zh")
TASKS = (*TRANSLATIONS, *SUMMARIES, *CHOICES)
ABOUT = """\
Translations, summaries and multiple choice over data that was written for this project (eval/data), by models and by
answers that know nothing. A model is worth something as far as it lies above those. "Another person" is the second
reference measured against the first alone, where a model has both to be like: no upper bound, but an idea of one."""
_SENTENCE = re.compile(r".*?[.!?。！？]+[”\"]?\s*", re.DOTALL)


def baselines(task: str) -> dict[str, Figures]:
    """What is reached without knowing anything, by the name of the trick. Raises ValueError for other tasks."""
    if task in TRANSLATIONS:
        source, goal = TRANSLATIONS[task]
        docs = _docs(task)
        after = {doc[source]: docs[(idx + 1) % len(docs)][goal] for idx, doc in enumerate(docs)}
        return {
            "the source, copied": written(task, material),
            "the translation of another sentence": written(task, lambda shown: after[material(shown)]),
            "another person": _other_wording([doc[f"{goal}_references"] for doc in docs]),
        }
    if task in SUMMARIES:
        firsts, seconds = zip(*(doc["summaries"] for doc in _docs(task)), strict=True)
        scores = rouge(firsts, seconds)
        return {
            "the first sentence": written(task, lambda shown: first_sentences(material(shown), 1)),
            "the first two sentences": written(task, lambda shown: first_sentences(material(shown), 2)),
            "the whole text": written(task, material),
            "another person": {name: scores[name].f1 for name in ("rougeL", "rouge1", "rouge2")},
        }
    if task in CHOICES:
        docs = _docs(task)
        quarter = {"acc": mean_figure([1 / len(doc["choices"]) for doc in docs])}
        return {
            "any choice": quarter,
            "the longest choice": {"acc": mean_figure([share_by_length(doc, max) for doc in docs])},
            "the shortest choice": {"acc": mean_figure([share_by_length(doc, min) for doc in docs])},
        }
    raise ValueError(f"{task} is none of {', '.join(TASKS)}.")


def written(task: str, write: Callable[[str], str]) -> Figures:
    """The figures of a model that answers what it is shown with what `write` makes of it."""

    def answer(prompt: str | Sequence[Message]) -> str:
        assert not isinstance(prompt, str), "these tasks ask as a conversation"
        return write(prompt[-1].content)

    with find_task(task).open(_WritesWhole(answer), None) as session:
        return session.figures(session.samples, [session.ask(sample) for sample in session.samples])


def samples_of(task: str) -> Sequence[Sample]:
    """All samples of a task."""
    with find_task(task).open(ScriptedModel(["-"], score=lambda prompt, text: [-1.0] * len(text)), None) as session:
        return session.samples


def material(shown: str) -> str:
    """The text below the instruction."""
    return shown.partition("\n\n")[2]


def first_sentences(text: str, count: int) -> str:
    """The beginning of a text, English or Chinese."""
    return "".join(_SENTENCE.findall(text)[:count]).strip()


def share_by_length(doc: Mapping[str, Any], choose: Callable[[list[int]], int]) -> float:
    """How often a choice is right that was taken by its length alone, drawing among equally long ones."""
    lengths = [len(choice) for choice in doc["choices"]]
    candidates = [idx for idx, length in enumerate(lengths) if length == choose(lengths)]
    return (doc["answer"] in candidates) / len(candidates)


def record(task: str, runs: Mapping[str, Figures], folder: Path = RESULTS) -> Path:
    """Write the table of a task, with the figures of its runs by model; the page's path."""
    rows = {
        label: {name: _as_json(figure) for name, figure in figures.items()}
        for label, figures in {**baselines(task), **runs}.items()
    }
    source = provenance("eval.tasks.own_data")
    source["command"] = "; ".join([*(f"appkit eval run {task} -m {model}" for model in runs), source["command"]])
    found = {"task": task, "about": find_task(task).about, "rows": rows, **source}
    return write_results(
        "own-data", task, found, title="Our own data", about=ABOUT, as_markdown=as_markdown, folder=folder
    )


def as_markdown(found: Mapping[str, Any]) -> str:
    """The table of one task."""
    names = list(dict.fromkeys(name for figures in found["rows"].values() for name in figures))
    lines = [f"| | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for label, figures in found["rows"].items():
        lines.append(f"| {label} | {' | '.join(_cell(figures.get(name)) for name in names)} |")
    return "\n\n".join([f"## {found['task']}", f"{found['about']}.", "\n".join(lines)])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 where a folder holds no run of these tasks."""
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.own_data", description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="*", type=Path, help="the folder of a finished run")
    options = parser.parse_args(arguments)
    by_task: dict[str, dict[str, Figures]] = {task: {} for task in TASKS}
    try:
        for folder in options.run:
            run = load_run(folder)
            if run.task not in by_task:
                raise EvaluationError(f"{folder} is a run of {run.task}, none of {', '.join(TASKS)}.")
            by_task[run.task][run.model] = run.figures
    except EvaluationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for task, runs in by_task.items():
        page = record(task, runs)
    sys.stdout.write(f"{page}\n")
    return 0


class _WritesWhole(ScriptedModel):
    """For it a character is a token, so the limits of the tasks, which are meant in tokens of models, are too low."""

    def stream(self, prompt: Any, settings: GenerationSettings = DEFAULT_SETTINGS, **asked: Any) -> Any:
        stream: CompletionStream = super().stream(prompt, replace(settings, max_tokens=None), **asked)
        return stream


def _docs(task: str) -> list[Mapping[str, Any]]:
    return [sample.doc for sample in samples_of(task)]


def _other_wording(references: Sequence[Sequence[str]]) -> Figures:
    firsts, seconds = zip(*references, strict=True)
    return {"chrf": chrf(seconds, firsts).figure, "bleu": bleu(seconds, firsts).figure}


def _as_json(figure: Figure) -> dict[str, Any]:
    low, high = figure.interval or (None, None)
    return {"value": figure.value, "low": low, "high": high, "n": figure.n, "method": figure.method}


def _cell(stored: Mapping[str, Any] | None) -> str:
    if stored is None:
        return ""
    if stored["low"] is None or stored["low"] == stored["high"]:
        return f"{stored['value']:.3g}"
    return f"{stored['value']:.3g} ({stored['low']:.3g} to {stored['high']:.3g})"


if __name__ == "__main__":
    sys.exit(main())
