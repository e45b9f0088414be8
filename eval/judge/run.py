"""`judge_run`: the answers of an earlier run, graded; or two runs, compared. Both are runs themselves."""

from pathlib import Path

from appkit import LanguageModel
from eval.harness.run import Run, evaluate
from eval.judge.preference import PAIR_RUBRIC
from eval.judge.rating import DEFAULT_RUBRIC


def judge_run(
    run_folder: str | Path,
    judge_model: str | LanguageModel,
    rubric: str | None = None,
    *,
    against: str | Path | None = None,
    output: str | Path | None = None,
) -> Run:
    """Have `judge_model` judge the answers of a finished run: the task `judge_grade`, or with `against` `judge_prefer`.

    Args:
        rubric: the name of a prompt; None is judge/grade, or judge/prefer for two runs.
        against: another run of the same task, to compare with.
        output: the folder of the new run; None leaves it to `evaluate`.

    Raises:
        EvaluationError: a run cannot be read, holds no written answers, or the two were not asked the same.
        TemplateError: there is no such rubric.
        runtime.errors.CatalogError: no such model, or not on this machine; the message says how to get it.
    """
    settings = {"run": str(run_folder), "rubric": rubric or (DEFAULT_RUBRIC if against is None else PAIR_RUBRIC)}
    if against is None:
        return evaluate("judge_grade", judge_model, settings=settings, output=output)
    return evaluate("judge_prefer", judge_model, settings={**settings, "against": str(against)}, output=output)
