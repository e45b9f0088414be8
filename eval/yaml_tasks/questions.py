"""The questions of a task: its rows with their examples, all of them checked before a model is asked anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from appkit import Message
from eval.harness.task import Sample
from eval.yaml_tasks.config import TaskConfig
from eval.yaml_tasks.documents import Answer, Doc, DocReader, as_text, columns_of
from eval.yaml_tasks.fewshot import Turn, chat_prompt, choose_examples, example_turn, plain_prompt
from eval.yaml_tasks.rows import Row, read_rows


@dataclass(frozen=True, kw_only=True)
class Question:
    """A row, ready to be asked."""

    doc: Doc
    right: tuple[int, ...]  # places of the right choices, for multiple_choice
    references: tuple[str, ...]  # the right texts, for the others; what follows each choice where they are questions
    description: str
    turns: tuple[Turn, ...]

    @property
    def asks_each_choice(self) -> bool:
        """Whether the choices are questions, and the answer is the same after each."""
        return isinstance(self.doc.text, int)

    def prompt(self, config: TaskConfig, text: str) -> str:
        """All that is shown, as one text."""
        return plain_prompt(self.description, self.turns, text, config.few_shot.style)

    def messages(self, text: str) -> list[Message]:
        """All that is shown, as a conversation."""
        return chat_prompt(self.description, self.turns, text)


def read_questions(
    config: TaskConfig, files: Mapping[str, Sequence[Path]], limit: int | None
) -> tuple[list[Sample], list[Question]]:
    """The first `limit` rows of the split that is evaluated, read and checked.

    Raises:
        EvaluationDataError: a row that lacks something, or too few rows; it is named.
        EvaluationError: a template that cannot be read.
    """
    rows = read_rows(files[config.split], config.kind)
    pool = _pool(config, files, rows) if config.few_shot.num else []
    columns = columns_of(rows, pool)
    examples = _Examples(DocReader(config.few_shot.docs, columns), pool)
    reader = DocReader(config.docs, columns)
    asked = rows[:limit]
    few = config.few_shot
    is_same = bool(few.num) and few.split == config.split
    places = choose_examples(asked, pool, few.num, few.sampler, config.seed, is_same_split=is_same)
    questions = [
        _question(config, reader, row, tuple(map(examples.turn, chosen)))
        for row, chosen in zip(asked, places, strict=True)
    ]
    samples = [_sample(config, doc_id, question) for doc_id, question in enumerate(questions)]
    return samples, questions


def read_references(config: TaskConfig, files: Mapping[str, Sequence[Path]]) -> list[tuple[str, ...]]:
    """The right texts of every row. Raises as `read_questions`."""
    rows = read_rows(files[config.split], config.kind)
    reader = DocReader(config.docs, columns_of(rows))
    return [_references(config, reader.read(row)) for row in rows]


class _Examples:
    """Worked examples, each read when it is first chosen."""

    def __init__(self, reader: DocReader, pool: Sequence[Row]) -> None:
        self._reader = reader
        self._pool = pool
        self._turns: dict[int, Turn] = {}

    def turn(self, place: int) -> Turn:
        if place not in self._turns:
            self._turns[place] = example_turn(self._reader.read(self._pool[place]))
        return self._turns[place]


def _pool(config: TaskConfig, files: Mapping[str, Sequence[Path]], rows: list[Row]) -> list[Row]:
    few = config.few_shot
    if few.split is not None:
        return rows if few.split == config.split else read_rows(files[few.split], config.kind)
    return [
        Row(place=f"{config.path}, fewshot_config.samples, number {number}", values=dict(sample))
        for number, sample in enumerate(few.samples, start=1)
    ]


def _question(config: TaskConfig, reader: DocReader, row: Row, turns: tuple[Turn, ...]) -> Question:
    doc = reader.read(row)
    description = as_text(reader.render("description", config.description, row), "description", row)
    is_choice = config.output_type == "multiple_choice"
    right = _right_places(doc) if is_choice else ()
    question = Question(
        doc=doc,
        right=right,
        references=() if is_choice and not isinstance(doc.text, int) else _references(config, doc),
        description=description,
        turns=turns,
    )
    _check(config, question)
    return question


def _check(config: TaskConfig, question: Question) -> None:
    doc = question.doc
    if config.output_type == "generate_until" and not (doc.text or question.description or question.turns):
        raise doc.row.error("doc_to_text gives no text, and there is nothing else to show the model.")
    if isinstance(doc.text, int) and config.output_type != "multiple_choice":
        raise doc.row.error(f"doc_to_text gives {doc.text}; only multiple_choice takes the number of a choice.")
    if config.output_type != "generate_until" and question.references:
        if len(question.references) > 1:
            raise doc.row.error(f"doc_to_target gives several texts; {config.output_type} takes one here.")
        if not question.references[0]:
            raise doc.row.error("doc_to_target gives no text, and there is nothing to score.")
    if any(metric.needs_references for metric in config.metrics):
        for reference in question.references:
            if not reference.strip():
                raise doc.row.error("doc_to_target gives a blank text, which no answer can be like; leave the row out.")
    if any(metric.name in ("f1", "macro_f1") for metric in config.metrics):
        if len(question.right) > 1:
            raise doc.row.error("several choices are right; f1 and macro_f1 take one.")
        if len(doc.choices) != 2 and any(metric.name == "f1" for metric in config.metrics):
            raise doc.row.error(f"there are {len(doc.choices)} choices; f1 is of the second of two; use macro_f1.")


def _right_places(doc: Doc) -> tuple[int, ...]:
    """Where the right choices stand. Where the choices are questions, `text` says which one is right."""
    answer: Answer = doc.text if isinstance(doc.text, int) else doc.target
    return tuple(_place(doc, one) for one in (answer if isinstance(answer, list) else [answer]))


def _place(doc: Doc, answer: int | str) -> int:
    if isinstance(answer, str):
        if answer in doc.choices:
            return doc.choices.index(answer)
        hint = ' (to take a text as a number, write doc_to_target: "{{column}}")' if answer.isdigit() else ""
        raise doc.row.error(f"the answer {answer[:100]!r} is none of its {len(doc.choices)} choices{hint}.")
    if not 0 <= answer < len(doc.choices):
        raise doc.row.error(f"the answer {answer} is none of its {len(doc.choices)} choices, counted from 0.")
    return answer


def _references(config: TaskConfig, doc: Doc) -> tuple[str, ...]:
    answers = doc.target if isinstance(doc.target, list) else [doc.target]
    if config.output_type == "generate_until" and config.docs.choices is not None:
        return tuple(doc.choices[_place(doc, answer)] for answer in answers)
    return tuple(map(str, answers))


def _sample(config: TaskConfig, doc_id: int, question: Question) -> Sample:
    row = question.doc.row
    cluster = None
    if config.cluster_by is not None:
        value = row.values.get(config.cluster_by)
        if not isinstance(value, str | int):
            raise row.error(f"there is no {config.cluster_by!r}, which metadata.cluster_by names, or it is no text.")
        cluster = str(value)
    right: Sequence[int] | Sequence[str] = question.right or question.references
    return Sample(doc_id=doc_id, doc=row.values, target=right[0] if len(right) == 1 else list(right), cluster=cluster)
