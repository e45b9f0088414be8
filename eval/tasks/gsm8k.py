"""Word problems of GSM8K, solved step by step: zero-shot, with 8 worked examples, and by a vote of 8 samples.

The first problems of the test part, in their order. The examples are the prompt's own (`prompts/reasoning/math.en`),
none of them from GSM8K. An answer counts as right where the number in the last line is the reference's; a model that
forgets the line is made to write one, and `unasked` is the share of samples in which that was not needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

from appkit import GenerationSettings, LanguageModel
from appkit.errors import EvaluationDataError
from appkit.reasoning import AnswerLine, ChainOfThought, Reasoned, number_answer, self_consistency, think
from eval.harness.data import data_path, read_rows
from eval.harness.task import Answered, Measure, Sample
from eval.tasks.mean_figures import mean_figures
from eval.tasks.python_task import AskedSession, PythonTask, in_flight
from eval.tasks.task_settings import check_known, one_of

Method = Literal["zero-shot", "8-shot", "self-consistency@8"]
METHODS: tuple[Method, ...] = get_args(Method)
ABOUT = "word problems that take several steps of arithmetic: is the final number right?"
SETTINGS = {"method": f"{', '.join(METHODS)}; 8-shot unless given"}
DATA = "gsm8k/test-400.jsonl"
NUM_SAMPLES = 8
MAX_TOKENS = 256
MEASURES = (Measure(name="exact_match"), Measure(name="unasked"))
FEW_SHOT = ChainOfThought(
    prompt="reasoning/math.en",
    line=AnswerLine.number(),
    settings=GenerationSettings(max_tokens=MAX_TOKENS, temperature=0.0),
)
ZERO_SHOT = ChainOfThought(prompt=FEW_SHOT.prompt, line=FEW_SHOT.line, settings=FEW_SHOT.settings, examples=())
SAMPLED = ChainOfThought(
    prompt=FEW_SHOT.prompt,
    line=FEW_SHOT.line,
    settings=GenerationSettings(max_tokens=MAX_TOKENS, temperature=0.7, seed=0),
)


def make_task(settings: Mapping[str, Any]) -> PythonTask:
    """The task. Raises ValueError for settings it does not have."""
    check_known("gsm8k", settings, SETTINGS)
    method = one_of(settings, "method", METHODS, "8-shot")
    return PythonTask(
        name="gsm8k",
        about=ABOUT,
        version="1",
        output_type="generate_until",
        measures=MEASURES,
        settings={"method": method},
        open_session=partial(_open, method),
        num_fewshot=0 if method == "zero-shot" else 8,
    )


@contextmanager
def _open(method: Method, model: LanguageModel | None, limit: int | None) -> Iterator[AskedSession]:
    assert model is not None
    yield AskedSession(
        samples=load_gsm8k(data_path(DATA))[:limit],
        ask=partial(ask, model, method),
        figures=partial(mean_figures, MEASURES),
        max_in_flight=1 if method == "self-consistency@8" else in_flight(model),  # a vote is a batch of its own
    )


def load_gsm8k(path: Path) -> list[Sample]:
    """The problems of a file, with the number behind "####" as target.

    Raises:
        EvaluationDataError: a row that is none.
    """
    return [_sample(path, idx, row) for idx, row in enumerate(read_rows(path))]


def ask(model: LanguageModel, method: Method, sample: Sample) -> Answered:
    """Ask one problem."""
    question = sample.doc["question"]
    samples: Sequence[Reasoned]
    if method == "self-consistency@8":
        # which samples an early stop leaves out is a matter of time; the answer is the same
        consensus = self_consistency(model, question, SAMPLED, n=NUM_SAMPLES, stops_early=False)
        written, samples = consensus.answer, consensus.samples
    else:
        reasoned = think(model, question, FEW_SHOT if method == "8-shot" else ZERO_SHOT)
        written, samples = reasoned.answer, [reasoned]
    answer = None if written is None else number_answer(written)
    texts = [sample.text for sample in samples]
    num_unasked = sum(sample.answer is not None and len(sample.completions) == 1 for sample in samples)
    return Answered(
        arguments=[_request(samples[0], len(samples))],
        resps=[texts[0] if len(texts) == 1 else texts],
        filtered_resps=[answer],
        values={"exact_match": float(answer == sample.target), "unasked": num_unasked / len(samples)},
    )


def _request(first: Reasoned, num_samples: int) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """What the model was shown, and how it was sampled."""
    settings = first.task.settings
    shown = [{"role": message.role, "content": message.content} for message in first.task.messages]
    sampling = {"temperature": settings.temperature, "max_tokens": settings.max_tokens}
    votes = {"seed": settings.seed, "samples": num_samples} if num_samples > 1 else {}
    return shown, {**sampling, **votes}


def _sample(path: Path, idx: int, row: Mapping[str, Any]) -> Sample:
    question, answer = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not isinstance(answer, str):
        raise EvaluationDataError(f"Row {idx + 1} of {path} lacks the text of a question or of an answer.", str(path))
    gold = number_answer(answer.rpartition("####")[2])
    if gold is None:
        raise EvaluationDataError(
            f"The answer of row {idx + 1} of {path} ends with no number behind ####: {answer[-80:]!r}.", str(path)
        )
    return Sample(doc_id=idx, doc={"question": question, "answer": answer}, target=gold)
