"""Grounded answers on CLAPNQ: are they right, do citations hold, is "not in these documents" said when it should be?

The gold passages of all questions, answerable or not, are the documents. There are three parts: "answerable" questions;
the same ones again without any passage of their article ("absent"); and unanswerable questions, whose own passage, on
the right topic, is there ("near"). Abstaining is right in the last two.

The numbers in `appkit/rag/calibration.py` were learned from every other question (`eval.tasks.clapnq_calibration`), so
those that were held out are asked unless all are wanted.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

from appkit import LanguageModel
from appkit.rag import Index
from eval.harness.data import data_path
from eval.harness.task import Answered, Measure, Sample
from eval.tasks.clapnq_data import Clapnq, Question, load_clapnq
from eval.tasks.clapnq_measures import Part, clapnq_figures, clapnq_measures, measure
from eval.tasks.python_task import AskedSession, PythonTask, in_flight
from eval.tasks.task_settings import check_known, one_of, text

Method = Literal["quotes", "generated"]
METHODS: tuple[Method, ...] = get_args(Method)
ABOUT = "answers from documents, with citations, and abstaining; a limit counts questions of each of the three parts"
SETTINGS = {
    "method": "quotes: sentences of the documents, no model asked; or generated: the model writes the answers",
    "embedder": "finds the passages; minilm-l6 unless given",
    "questions": "held-out: those that no number of the answering was learned from; or all",
}
WHICH = ("held-out", "all")
EMBEDDER = "minilm-l6"


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What was chosen."""

    method: Method
    embedder: str
    questions: str


def make_task(settings: Mapping[str, Any]) -> PythonTask:
    """The task. Raises ValueError for settings it does not have."""
    check_known("clapnq", settings, SETTINGS)
    chosen = Chosen(
        method=one_of(settings, "method", METHODS, "quotes"),
        embedder=text(settings, "embedder") or EMBEDDER,
        questions=one_of(settings, "questions", WHICH, "held-out"),
    )
    measures = clapnq_measures()
    return PythonTask(
        name="clapnq",
        about=ABOUT,
        version="1",
        output_type="generate_until" if chosen.method == "generated" else "retrieval",
        measures=measures,
        settings=vars(chosen),
        open_session=partial(_open, chosen, measures),
        needs_model=chosen.method == "generated",
    )


@contextmanager
def _open(
    chosen: Chosen, measures: Sequence[Measure], model: LanguageModel | None, limit: int | None
) -> Iterator[AskedSession]:
    clapnq = load_clapnq(data_path("clapnq"))
    asked = list(_asked(clapnq, held_out_only=chosen.questions == "held-out"))
    with indexed(clapnq, chosen.embedder) as index:
        yield AskedSession(
            samples=[
                _sample(doc_id, part, question)
                for doc_id, (place, part, question) in enumerate(asked)
                if limit is None or place < limit
            ],
            ask=lambda sample: ask(index, model, *asked[sample.doc_id][1:]),
            figures=partial(clapnq_figures, measures),
            max_in_flight=in_flight(model),
        )


def ask(index: Index, model: LanguageModel | None, part: Part, question: Question) -> Answered:
    """Ask one question of the documents; without a model the answer is quotes."""
    others = " and ".join(f"source != {json.dumps(file)}" for file in question.same_title) if part == "absent" else None
    answer = index.ask(question.text, model=model, filter=others)
    found = answer.to_json()
    return Answered(
        arguments=[(question.text, {"method": answer.method, "filter": others})],
        resps=[answer.text],
        filtered_resps=[answer.text if answer.answerable else None],
        values=measure(question, part, answer, index),
        notes={name: found[name] for name in ("answerable", "answerable_probability", "citations", "retrieved")},
    )


@contextmanager
def indexed(clapnq: Clapnq, embedder: str) -> Iterator[Index]:
    """The documents indexed the way a user's are."""
    with TemporaryDirectory() as temporary:
        passages = Path(temporary, "passages")
        clapnq.write_documents(passages)
        with Index.sync(passages, embedder=embedder, path=Path(temporary, "index")) as index:
            yield index


def _asked(clapnq: Clapnq, *, held_out_only: bool) -> Iterator[tuple[int, Part, Question]]:
    """All that is asked, with its place within its part; questions that were held out come first."""
    parts: dict[Part, tuple[Question, ...]] = {
        "answerable": clapnq.answerable,
        "absent": clapnq.answerable,
        "near": clapnq.unanswerable,
    }
    for part, questions in parts.items():
        some = [question for question in questions if question.is_held_out or not held_out_only]
        for place, question in enumerate(sorted(some, key=lambda one: not one.is_held_out)):
            yield place, part, question


def _sample(doc_id: int, part: Part, question: Question) -> Sample:
    doc = {
        "id": question.id,
        "part": part,
        "question": question.text,
        "title": question.title,
        "passage": question.file,
        "is_held_out": question.is_held_out,
    }
    right = list(question.answers) if part == "answerable" else []
    return Sample(doc_id=doc_id, doc=doc, target=right, cluster=question.title)
