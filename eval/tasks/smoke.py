"""Thirty easy questions: does a model, with the catalog's own prompt and sampler settings, talk sense at all?

An answer is right when its first sentence holds one of the accepted texts as whole words; further on, a rambling model
meets any text by chance. A smoke test finds a broken tokenizer, template or kernel, it does not rank models.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from appkit import Chat, LanguageModel
from eval.harness.data import read_rows
from eval.harness.task import Answered, Measure, Sample
from eval.tasks.mean_figures import mean_figures
from eval.tasks.python_task import AskedSession, PythonTask, in_flight
from eval.tasks.task_settings import check_known, text

ABOUT = "thirty easy questions with the model's own settings: does it talk sense at all?"
SETTINGS = {"system": "a system message instead of the model's own"}
DATA = Path(__file__).resolve().parents[1] / "data" / "smoke_en.jsonl"
MAX_TOKENS = 64
SEED = 0  # for models whose own settings draw
MEASURES = (Measure(name="acc"),)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n")


def make_task(settings: Mapping[str, Any]) -> PythonTask:
    """The task. Raises ValueError for settings it does not have."""
    check_known("smoke", settings, SETTINGS)
    system = text(settings, "system")
    return PythonTask(
        name="smoke",
        about=ABOUT,
        version="1",
        output_type="generate_until",
        measures=MEASURES,
        settings={"system": system},
        open_session=partial(_open, system),
    )


@contextmanager
def _open(system: str | None, model: LanguageModel | None, limit: int | None) -> Iterator[AskedSession]:
    assert model is not None
    rows = read_rows(DATA)[:limit]
    yield AskedSession(
        samples=[Sample(doc_id=idx, doc=row, target=row["accept"]) for idx, row in enumerate(rows)],
        ask=partial(_ask, model, system),
        figures=partial(mean_figures, MEASURES),
        max_in_flight=in_flight(model),
    )


def _ask(model: LanguageModel, system: str | None, sample: Sample) -> Answered:
    """Ask the question in a conversation of its own."""
    question = sample.doc["question"]
    answer = Chat(model, system=system).send(question, max_tokens=MAX_TOKENS, seed=SEED).text.strip()
    return Answered(
        arguments=[(question, {"system": system, "max_tokens": MAX_TOKENS, "seed": SEED})],
        resps=[answer],
        filtered_resps=[first_sentence(answer)],
        values={"acc": float(is_answered(sample.target, answer))},
    )


def is_answered(accepted: Sequence[str], answer: str) -> bool:
    """Whether the first sentence of `answer` holds an accepted text as whole words."""
    first = first_sentence(answer)
    return any(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", first, re.IGNORECASE) for text in accepted)


def first_sentence(answer: str) -> str:
    """The part of an answer that is judged."""
    return _SENTENCE_END.split(answer.strip(), maxsplit=1)[0]
