"""The Berkeley Function Calling Leaderboard: one call, a choice among functions, and questions that need none.

The questions of "simple_python", "multiple" and "irrelevance" of BFCL v4, at temperature 0. "constrained" holds an
answer to the functions there are and to valid arguments while it is written; "unconstrained" lets the same local model
write what it will from the same prompt. A question of the first two is right where the call is the reference's (our own
checker of names, types and values); one of "irrelevance" where nothing is called. A format error is a call of a
function that does not exist or with missing, unknown or mistyped arguments, or text that begins a call and is none,
unless the model said before it that it calls nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, get_args

from appkit import CapabilityError, Completion, GenerationSettings, LanguageModel, LocalModel
from appkit.messages import ToolChoice
from eval.harness.task import Answered, Measure, Sample
from eval.tasks.bfcl_check import INVALID, Verdict, check_call
from eval.tasks.bfcl_data import CATEGORIES, Category, Question, fetch_bfcl, load_bfcl
from eval.tasks.mean_figures import mean_figures
from eval.tasks.python_task import AskedSession, PythonTask, in_flight
from eval.tasks.task_settings import check_known, one_of

Method = Literal["constrained", "unconstrained"]
METHODS: tuple[Method, ...] = get_args(Method)
CHOICES: tuple[ToolChoice, ...] = ("auto", "required")
ABOUT = "function calls: one, a choice among several, none; a limit counts the questions of each of the three"
SETTINGS = {
    "method": "constrained: answers are held to the functions while they are written; or unconstrained",
    "choice": "auto, or required: the model has to call something",
}
MEASURES = (
    Measure(name="acc"),
    *(Measure(name=f"acc_{category}") for category in CATEGORIES),
    Measure(name="format_error", higher_is_better=False),
)
SAMPLING = GenerationSettings(temperature=0.0, max_tokens=160)
_CALL_MARKS = ("<tool_call>", "[TOOL_CALLS]", '{"name"')
_SAYS_NO = "<tool>no</tool>"  # begins an answer in our own format, where what follows is text, whatever it looks like
# "no call" where the model answered in words
Judgement = Verdict | Literal["no call", "unreadable call", "several calls"]


def make_task(settings: Mapping[str, Any]) -> PythonTask:
    """The task. Raises ValueError for settings it does not have."""
    check_known("bfcl", settings, SETTINGS)
    method = one_of(settings, "method", METHODS, "constrained")
    choice = one_of(settings, "choice", CHOICES, "auto")
    return PythonTask(
        name="bfcl",
        about=ABOUT,
        version="2",
        output_type="generate_until",
        measures=MEASURES,
        settings={"method": method, "choice": choice},
        open_session=partial(_open, method, choice),
    )


@contextmanager
def _open(method: Method, choice: ToolChoice, model: LanguageModel | None, limit: int | None) -> Iterator[AskedSession]:
    assert model is not None
    folder = fetch_bfcl()
    asked_model = _unconstrained(model) if method == "unconstrained" else model
    questions = [
        (place, category, question)
        for category in CATEGORIES
        for place, question in enumerate(load_bfcl(folder, category))
    ]

    def asked(sample: Sample) -> Answered:
        _, category, question = questions[sample.doc_id]
        return ask(asked_model, category, question, choice)

    yield AskedSession(
        samples=[
            _sample(idx, category, question)
            for idx, (place, category, question) in enumerate(questions)
            if limit is None or place < limit
        ],
        ask=asked,
        figures=partial(mean_figures, MEASURES),
        max_in_flight=in_flight(asked_model),
    )


def ask(model: LanguageModel, category: Category, question: Question, choice: ToolChoice = "auto") -> Answered:
    """Ask one question and judge the answer."""
    completion = model.chat(question.messages, SAMPLING, tools=question.tools, tool_choice=choice)
    judgement = judge(completion, question, says_no=_says_no(model, completion))
    is_right = judgement == ("no call" if question.reference is None else "right")
    is_format_error = judgement in INVALID or judgement == "unreadable call"
    calls = [{"name": call.name, "arguments": dict(call.arguments)} for call in completion.tool_calls]
    sampling = {"temperature": SAMPLING.temperature, "max_tokens": SAMPLING.max_tokens, "tool_choice": choice}
    usage = completion.usage
    return Answered(
        arguments=[(_shown(question), sampling)],
        resps=[completion.text],
        filtered_resps=[calls or completion.text],
        values={
            "acc": float(is_right),
            f"acc_{category}": float(is_right),
            "format_error": float(is_format_error),
        },
        notes={
            "verdict": judgement,
            "calls": calls,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "forced_tokens": usage.forced_tokens,
        },
    )


def facts(samples: Sequence[tuple[Sample, Answered]]) -> dict[str, str]:
    """What the answers of a finished run were, for a page of results."""
    found: dict[str, str] = {}
    for category in CATEGORIES:
        verdicts = Counter(
            answered.notes["verdict"] for sample, answered in samples if sample.doc["category"] == category
        )
        found[category] = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
    return found


def judge(completion: Completion, question: Question, *, says_no: bool = False) -> Judgement:
    """The first thing that is wrong with an answer, or what else it is."""
    calls = completion.tool_calls
    if not calls:
        is_begun = not says_no and any(mark in completion.text for mark in _CALL_MARKS)
        return "unreadable call" if is_begun else "no call"
    reference = question.reference or {"": {}}  # of a function that is not there: every call is wrong
    verdicts = [check_call(call, question.tools, reference) for call in calls]
    fault = next((verdict for verdict in verdicts if verdict in INVALID), None)
    if fault is not None:
        return fault
    return verdicts[0] if len(calls) == 1 else "several calls"


def _says_no(model: LanguageModel, completion: Completion) -> bool:
    """Whether the answer begins by saying that no tool fits. `Completion.text` is without that."""
    if not isinstance(model, LocalModel):
        return False
    return model.engine.model.tokenizer.decode(list(completion.token_ids)).startswith(_SAYS_NO)


def _unconstrained(model: LanguageModel) -> LanguageModel:
    if not isinstance(model, LocalModel):
        raise CapabilityError(
            f"{model.name} is no local model, and only those are held to the tools: ask it with method=constrained, "
            "which leaves it as it is.",
            model.name,
            "tools",
        )
    return model.without_tool_masks()


def _sample(doc_id: int, category: Category, question: Question) -> Sample:
    functions = [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        for tool in question.tools
    ]
    doc = {"id": question.id, "category": category, "question": _shown(question), "function": functions}
    return Sample(doc_id=doc_id, doc=doc, target="no call" if question.reference is None else question.reference)


def _shown(question: Question) -> Sequence[Mapping[str, str]]:
    return [{"role": message.role, "content": message.content} for message in question.messages]
