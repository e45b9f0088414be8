"""Orchestrator and workers: a model divides a task, workers do the parts at once, the model joins what they found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from appkit.errors import AppkitError
from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.reasoning.prompt_language import prompt_for
from appkit.reasoning.sections import parallel
from appkit.structured import generate_typed, output_type
from appkit.templates import Prompt

MAX_PARTS = 5
MAX_PART_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Somebody who can do a part. `about` tells the orchestrator what for; `run` gets the part's text."""

    about: str
    run: Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of a divided task."""

    worker: str
    task: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a worker made of its part. A worker's failure is a report too: the orchestrator is told."""

    part: Part
    text: str
    has_failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Orchestrated:
    """A task divided, done and joined."""

    reports: tuple[Report, ...]
    answer: str


def orchestrate(
    model: LanguageModel,
    task: str,
    workers: Mapping[str, Worker],
    *,
    divide_prompt: str | Prompt = "reasoning/divide",
    join_prompt: str | Prompt = "reasoning/join",
    max_parts: int = MAX_PARTS,
) -> Orchestrated:
    """Divide `task` among `workers`, run the parts at once, and join their reports.

    Args:
        divide_prompt: has the variables `task`, `workers` (a list of {name, about}) and `max_parts`, and asks for
            {"parts": [{"worker": …, "task": …}]}. A name without a language takes that of the task.
        join_prompt: has the variables `task` and `reports` (a list of {worker, task, text}).

    Raises:
        ValueError: there are no workers.
        OutputParseError: the model divided nothing, tries and all.
        What a worker raises, unless it is an AppkitError, which becomes its report.
    """
    parts = divide(model, task, workers, prompt=divide_prompt, max_parts=max_parts)
    reports = tuple(parallel([partial(_report, workers[part.worker], part) for part in parts]))
    joining = prompt_for(join_prompt, task)
    shown = [{"worker": done.part.worker, "task": done.part.task, "text": done.text} for done in reports]
    answer = model.chat(joining.render(task=task, reports=shown), GenerationSettings(**joining.options))
    return Orchestrated(reports=reports, answer=answer.text.strip())


def divide(
    model: LanguageModel,
    task: str,
    workers: Mapping[str, Worker],
    *,
    prompt: str | Prompt = "reasoning/divide",
    max_parts: int = MAX_PARTS,
) -> tuple[Part, ...]:
    """One to `max_parts` parts of `task`, each for one of `workers`. Raises as `orchestrate`."""
    if not workers:
        raise ValueError("There are no workers: give at least one.")
    if max_parts < 1:
        raise ValueError(f"max_parts is {max_parts}; a task has at least 1.")
    loaded = prompt_for(prompt, task)
    part = {
        "type": "object",
        "properties": {
            "worker": {"type": "string", "enum": list(workers)},
            "task": {"type": "string", "minLength": 2, "maxLength": MAX_PART_CHARACTERS},
        },
        "required": ["worker", "task"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"parts": {"type": "array", "items": part, "minItems": 1, "maxItems": max_parts}},
        "required": ["parts"],
        "additionalProperties": False,
    }
    shown = [{"name": name, "about": worker.about} for name, worker in workers.items()]
    return generate_typed(
        model,
        loaded.render(task=task, workers=shown, max_parts=max_parts),
        output_type(schema).then(_parts_of),
        GenerationSettings(**loaded.options),
        tell_form=False,
    )


def _parts_of(data: Any) -> tuple[Part, ...]:
    parts = [Part(worker=part["worker"], task=part["task"].strip()) for part in data["parts"]]
    for part in parts:
        if not part.task:
            raise ValueError(f"The part for {part.worker} has no task.")
    return tuple(dict.fromkeys(parts))


def _report(worker: Worker, part: Part) -> Report:
    try:
        return Report(part=part, text=worker.run(part.task))
    except AppkitError as error:
        return Report(part=part, text=f"This part failed: {error}", has_failed=True)
