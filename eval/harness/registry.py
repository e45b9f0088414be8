"""Finds tasks: those written in Python, those shipped as YAML, and a user's own YAML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from eval.harness.task import Task

# The module of each Python task: it has ABOUT, SETTINGS (option → what it means) and make_task(settings).
PYTHON_TASKS: Mapping[str, str] = MappingProxyType(
    {
        "bfcl": "eval.tasks.bfcl",
        "clapnq": "eval.tasks.clapnq",
        "cranfield": "eval.tasks.cranfield",
        "gsm8k": "eval.tasks.gsm8k",
        "judge_grade": "eval.tasks.judge_grade",
        "judge_pairs": "eval.tasks.judge_pairs",
        "judge_prefer": "eval.tasks.judge_prefer",
        "perplexity": "eval.tasks.perplexity",
        "smoke": "eval.tasks.smoke",
    }
)
YAML_FOLDER = Path(__file__).parents[1] / "tasks" / "yaml"
NO_SETTINGS: Mapping[str, Any] = MappingProxyType({})
YAML_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "num_fewshot": "examples before each question, in place of what the file says",
        "seed": "of what is drawn, in place of what the file says",
    }
)
_YAML_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, kw_only=True)
class TaskEntry:
    """What can be run."""

    name: str  # or a path
    about: str  # one line
    settings: Mapping[str, str]  # what `--set` takes: option → what it means


def find_task(name_or_path: str | Path, settings: Mapping[str, Any] = NO_SETTINGS) -> Task:
    """The task of that name, or the one that a YAML file describes, with `settings` chosen.

    Args:
        name_or_path: a name that `list_tasks` gives, or the path of a `.yaml` file.
        settings: by option. Values from a command line are texts; the task reads and checks them.

    Raises:
        ValueError: no such task (the near ones are named), a setting that the task does not have, or a value that it
            does not take.
        appkit.errors.EvaluationError: a file that describes no task.
    """
    name = str(name_or_path)
    if name.endswith(_YAML_ENDINGS):
        return _yaml_task(Path(name_or_path), settings)
    if name in PYTHON_TASKS:
        task: Task = import_module(PYTHON_TASKS[name]).make_task(settings)
        return task
    if name in (shipped := _yaml_files()):
        return _yaml_task(shipped[name], settings)
    known = task_names()
    near = get_close_matches(name, known, 3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}."
    raise ValueError(f"No evaluation is called {name!r}: {hint} A task of your own is the path of a .yaml file.")


def task_names() -> list[str]:
    """Names of the tasks that come with the package, sorted."""
    return sorted({*PYTHON_TASKS, *_yaml_files()})


def list_tasks() -> list[TaskEntry]:
    """What comes with the package, by name."""
    return [describe_task(name) for name in task_names()]


def describe_task(name_or_path: str | Path) -> TaskEntry:
    """What a task is about and what can be set. Raises what `find_task` raises."""
    name = str(name_or_path)
    if name in PYTHON_TASKS:
        module = import_module(PYTHON_TASKS[name])
        return TaskEntry(name=name, about=module.ABOUT, settings=module.SETTINGS)
    return TaskEntry(name=name, about=find_task(name_or_path).about, settings=YAML_SETTINGS)


def _yaml_files() -> dict[str, Path]:
    return {path.stem: path for path in sorted(YAML_FOLDER.glob("*.yaml"))}


def _yaml_task(path: Path, settings: Mapping[str, Any]) -> Task:
    from eval.yaml_tasks import load_yaml_task  # PyYAML and jinja2 are for those who use them

    task: Task = load_yaml_task(path, settings)
    return task
