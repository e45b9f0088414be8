"""GSM8K: problems are read, asked in three ways and judged by their last number."""

import json

import pytest

from appkit import ScriptedModel
from appkit.errors import EvaluationDataError
from eval.harness.task import Sample
from eval.tasks.gsm8k import METHODS, ask, load_gsm8k, make_task
from tests.helpers.shared_data import shared_data

RIGHT = Sample(doc_id=0, doc={"question": "What is 2 + 2?", "answer": "#### 4"}, target="4")
WRONG = Sample(doc_id=1, doc={"question": "What is 3 + 3?", "answer": "#### 6"}, target="6")


def test_every_problem_has_a_plain_number() -> None:
    problems = load_gsm8k(shared_data("gsm8k") / "test-400.jsonl")
    assert len(problems) == 400
    assert all(problem.target.lstrip("-").replace(".", "").isdigit() for problem in problems)


@pytest.mark.parametrize("method", METHODS)
def test_an_answer_counts_where_its_number_is_the_reference(method) -> None:
    model = ScriptedModel(["So.\nAnswer: $4.00"], repeats=True)
    right, wrong = ask(model, method, RIGHT), ask(model, method, WRONG)
    assert right.values == {"exact_match": 1.0, "unasked": 1.0}
    assert wrong.values == {"exact_match": 0.0, "unasked": 1.0}
    assert right.filtered_resps == ["4"]
    assert len(model.requests) == (16 if method == "self-consistency@8" else 2)  # no sample is left out


def test_a_model_that_forgets_the_line_is_made_to_write_one() -> None:
    answered = ask(ScriptedModel(["I cannot say.", " 4"]), "8-shot", RIGHT)
    assert answered.values == {"exact_match": 1.0, "unasked": 0.0}
    assert answered.resps == ["I cannot say.\nAnswer: 4"]


def test_worked_examples_are_shown_in_the_methods_that_have_them() -> None:
    shown = {
        method: ask(ScriptedModel(["So.\nAnswer: 4"], repeats=True), method, RIGHT).arguments[0][0]
        for method in METHODS
    }
    lengths = {method: len(messages) for method, messages in shown.items()}
    assert lengths["8-shot"] == lengths["self-consistency@8"] == lengths["zero-shot"] + 16


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "?"}, "Row 1 of .* lacks"),
        ({"question": "?", "answer": "many"}, "no number behind ####: 'many'"),
    ],
    ids=["no answer", "no number"],
)
def test_a_row_that_is_no_problem_is_named(row, message, tmp_path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row), "utf-8")
    with pytest.raises(EvaluationDataError, match=message):
        load_gsm8k(path)


def test_a_session_asks_the_first_problems(monkeypatch, tmp_path) -> None:
    (tmp_path / "gsm8k").mkdir()
    rows = [json.dumps({"question": f"What is {n} + 0?", "answer": f"#### {n}"}) for n in range(5)]
    (tmp_path / "gsm8k" / "test-400.jsonl").write_text("\n".join(rows), "utf-8")
    monkeypatch.setenv("APPKIT_DATA", str(tmp_path))
    with make_task({"method": "zero-shot"}).open(ScriptedModel(["So.\nAnswer: 1"], repeats=True), 4) as session:
        answers = [session.ask(sample) for sample in session.samples]
        figures = session.figures(session.samples, answers)
    assert (figures["exact_match"].value, figures["exact_match"].n) == (0.25, 4)
