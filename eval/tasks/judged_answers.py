"""The answers of a finished run, as a judge is shown them: what was asked, what was answered, what is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from appkit.errors import EvaluationError
from eval.harness.stored_run import Run, load_run
from eval.harness.task import Answered, Sample
from eval.judge.rubric import prompt_for
from eval.tasks.task_settings import text


@dataclass(frozen=True, kw_only=True)
class JudgedAnswer:
    """One answer of a run."""

    sample: Sample
    question: str
    answer: str
    reference: str | None  # a right answer as text, where the task has one


def required_run(task: str, settings: Mapping[str, Any], name: str) -> Run:
    """The run whose folder the setting `name` gives.

    Raises:
        ValueError: the setting is missing.
        EvaluationError: no finished run is there.
    """
    folder = text(settings, name)
    if folder is None:
        raise ValueError(f"{task} judges the answers of an earlier run: choose {name}=FOLDER, the folder of one.")
    return load_run(folder)


def read_answers(run: Run, question_field: str | None) -> list[JudgedAnswer]:
    """Every answer of the run.

    Args:
        question_field: of the document, which holds the question; None takes what the model was asked, of a
            conversation its last message.

    Raises:
        EvaluationError: the samples are damaged, hold no such field, or no written answers.
    """
    return [
        JudgedAnswer(
            sample=sample,
            question=_question(run, sample, answered, question_field),
            answer=_answer(run, answered),
            reference=_reference(sample.target),
        )
        for sample, answered in run.samples
    ]


def rubric_digest(rubric: str, questions: Sequence[str]) -> str:
    """SHA-256 of the rubric's text, of each language that the questions take it in. Raises TemplateError."""
    sources = {prompt_for(rubric, question).source for question in questions}
    return sha256("\0".join(sorted(sources)).encode()).hexdigest()


def _question(run: Run, sample: Sample, answered: Answered, field: str | None) -> str:
    if field is not None:
        value = sample.doc.get(field)
        if not isinstance(value, str):
            raise EvaluationError(
                f"Document {sample.doc_id} of {run.folder} has no text {field!r}; it has {', '.join(sample.doc)}."
            )
        return value
    asked = answered.arguments[0][0] if answered.arguments and answered.arguments[0] else None
    if isinstance(asked, list) and asked and isinstance(asked[-1], dict):
        asked = asked[-1].get("content")
    if not isinstance(asked, str):
        raise EvaluationError(
            f"Sample {sample.doc_id} of {run.folder} does not say in words what was asked: choose question=FIELD, of "
            f"{', '.join(sample.doc)}."
        )
    return asked


def _answer(run: Run, answered: Answered) -> str:
    answer = answered.filtered_resps[0] if answered.filtered_resps else None
    if not isinstance(answer, str):
        raise EvaluationError(
            f"{run.folder} holds no written answers but {answer!r:.60}: judge a run of a task that has the model write."
        )
    return answer


def _reference(target: Any) -> str | None:
    first = target[0] if isinstance(target, list) and target else target
    return first if isinstance(first, str) and first.strip() else None
