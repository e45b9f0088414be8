import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from appkit import Message, ScriptedModel
from appkit.errors import CapabilityError, EvaluationDataError, EvaluationError
from eval.harness.task import Answered, Sample, Session
from eval.yaml_tasks import load_yaml_task
from eval.yaml_tasks.task import YamlTask
from tests.eval.yaml_tasks.task_files import HEAD, ROWS, WRITING, make_task, write_rows, write_task

CHOOSING = HEAD + "output_type: multiple_choice\ndoc_to_text: q\ndoc_to_choice: [x, y]\ndoc_to_target: "


def scores(prompt: str, continuation: str) -> list[float]:
    """A model that likes short answers."""
    return [-1.0] * len(continuation)


def scripted(answer: str = "1") -> ScriptedModel:
    return ScriptedModel(lambda prompt: answer, score=scores)


def run(task: YamlTask, model: ScriptedModel, limit: int | None = None) -> tuple[Session, list[Answered]]:
    with task.open(model, limit) as session:
        return session, [session.ask(sample) for sample in session.samples]


def test_a_task_says_what_it_is(tmp_path: Path) -> None:
    task = make_task(tmp_path, WRITING + "task: sums\nmetadata: {version: 1.0, about: small sums}\n")
    assert (task.name, task.about, task.version, task.output_type) == ("sums", "small sums", "1.0", "generate_until")
    assert make_task(tmp_path, WRITING).about == "generate_until over rows.jsonl"


def test_answers_are_judged_and_the_figures_are_theirs(tmp_path: Path) -> None:
    session, answers = run(make_task(tmp_path, WRITING), scripted())
    assert session.samples[0] == Sample(doc_id=0, doc={"q": "one?", "a": "1"}, target="1")
    assert [answer.values for answer in answers] == [{"exact_match": 1.0}, {"exact_match": 0.0}, {"exact_match": 0.0}]
    assert answers[1].arguments[0][0] == "two?"
    assert (answers[1].resps, answers[1].filtered_resps) == ([["1"]], ["1"])
    figure = session.figures(session.samples, answers)["exact_match"]
    assert (figure.value, figure.n) == (1 / 3, 3)


def test_a_limit_takes_the_first_rows(tmp_path: Path) -> None:
    session, _ = run(make_task(tmp_path, WRITING), scripted(), limit=2)
    assert [sample.doc_id for sample in session.samples] == [0, 1]


def test_several_pipelines_make_a_figure_each(tmp_path: Path) -> None:
    pytest.importorskip("sacrebleu", reason="sacrebleu is in the extra 'eval', which is not installed")
    text = WRITING + (
        "filter_list: [{name: strict, filter: []}, "
        "{name: flexible, filter: [{function: regex, regex_pattern: '[0-9]'}]}]\n"
        "metric_list: [{metric: exact_match}, {metric: chrf}]\n"
    )
    task = make_task(tmp_path, text)
    session, answers = run(task, scripted("It is 2."))
    figures = session.figures(session.samples, answers)
    names = ["exact_match,strict", "chrf,strict", "exact_match,flexible", "chrf,flexible"]
    assert list(figures) == [measure.name for measure in task.measures] == names
    assert figures["exact_match,strict"].value == 0 and figures["exact_match,flexible"].value == 1 / 3
    assert figures["chrf,flexible"].value > figures["chrf,strict"].value
    assert answers[1].filtered_resps == ["It is 2.", "2"]


def test_figures_come_from_what_a_file_holds(tmp_path: Path) -> None:
    for package in ("sacrebleu", "rouge_score"):
        pytest.importorskip(package, reason=f"{package} is in the extra 'eval', which is not installed")
    text = WRITING + "metric_list: [{metric: exact_match}, {metric: bleu}, {metric: rougeL}]\n"
    session, answers = run(make_task(tmp_path, text), scripted())
    stored = [json.loads(json.dumps(answer.__dict__)) for answer in answers]
    again = [Answered(**fields) for fields in stored]
    assert session.figures(session.samples, again) == session.figures(session.samples, answers)


def test_worked_examples_are_in_front(tmp_path: Path) -> None:
    text = WRITING + 'description: "Count.\\n"\nnum_fewshot: 2\nfewshot_config: {sampler: first_n, split: test}\n'
    _, answers = run(make_task(tmp_path, text), scripted())
    assert answers[0].arguments[0][0] == "Count.\ntwo? 2\n\nthree? 3\n\none?"
    assert answers[2].arguments[0][0] == "Count.\none? 1\n\ntwo? 2\n\nthree?"


@pytest.mark.parametrize(("description", "shown"), [("回答", "回答"), ("q", "one?"), ('"{{a}}\\n"', "1\n")])
def test_a_description_is_text_or_a_column_or_a_template(tmp_path: Path, description: str, shown: str) -> None:
    _, answers = run(make_task(tmp_path, f"{WRITING}description: {description}\n"), scripted(), 1)
    assert answers[0].arguments[0][0] == f"{shown}one?"


def test_examples_written_out_need_no_split(tmp_path: Path) -> None:
    text = WRITING + "num_fewshot: 1\nfewshot_config: {samples: [{q: 'zero?', a: 0}]}\n"
    _, answers = run(make_task(tmp_path, text), scripted(), limit=1)
    assert answers[0].arguments[0][0] == "zero? 0\n\none?"


def test_a_seed_chooses_the_examples(tmp_path: Path) -> None:
    rows = [{"q": f"{n}?", "a": str(n)} for n in range(30)]
    text = WRITING + "num_fewshot: 3\nfewshot_split: test\n"
    prompts = {
        seed: [a.arguments[0][0] for a in run(make_task(tmp_path, text, rows, {"seed": seed}), scripted(), 5)[1]]
        for seed in (1234, 7)
    }
    assert (
        prompts[7]
        != prompts[1234]
        == [a.arguments[0][0] for a in run(make_task(tmp_path, text, rows), scripted(), 5)[1]]
    )


def test_a_conversation_has_a_turn_for_each_example(tmp_path: Path) -> None:
    text = (
        WRITING
        + "description: Count.\nnum_fewshot: 1\nfewshot_config: {sampler: first_n, split: test}\n"
        + "apply_chat_template: true\n"
    )
    model = scripted()
    run(make_task(tmp_path, text), model, 1)
    assert model.requests[0].prompt == (
        Message(role="system", content="Count."),
        Message(role="user", content="two?"),
        Message(role="assistant", content="2"),
        Message(role="user", content="one?"),
    )


def test_generation_ends_at_a_stop_text_and_says_where_it_was_full(tmp_path: Path) -> None:
    text = WRITING + 'generation_kwargs: {until: ["\\n"], max_gen_toks: 3}\n'
    _, answers = run(make_task(tmp_path, text), scripted("1\n2"), 1)
    assert (answers[0].resps, answers[0].notes) == ([["1"]], {})
    _, answers = run(make_task(tmp_path, text), scripted("1234"), 1)
    assert (answers[0].resps, answers[0].notes) == ([["123"]], {"finish_reasons": ["length"]})


def test_greedy_repeats_are_asked_once_and_sampled_ones_with_a_seed_each(tmp_path: Path) -> None:
    vote = "repeats: 3\nfilter_list: [{name: vote, filter: [{function: majority_vote}, {function: take_first}]}]\n"
    model = scripted()
    _, answers = run(make_task(tmp_path, WRITING + vote), model, 1)
    assert (len(model.requests), answers[0].resps) == (1, [["1", "1", "1"]])
    model = scripted()
    run(make_task(tmp_path, WRITING + vote + "generation_kwargs: {temperature: 1}\n"), model, 2)
    seeds = {request.settings.seed for request in model.requests}
    assert len(model.requests) == len(seeds) == 6 and None not in seeds


def test_clusters_are_read_from_the_rows(tmp_path: Path) -> None:
    rows = [{**row, "page": page} for row, page in zip(ROWS, ["p", "p", 2], strict=True)]
    session, _ = run(make_task(tmp_path, WRITING + "metadata: {cluster_by: page}\n", rows), scripted())
    assert [sample.cluster for sample in session.samples] == ["p", "p", "2"]
    with pytest.raises(EvaluationDataError, match=r"line 1: there is no 'page', which metadata\.cluster_by names"):
        run(make_task(tmp_path, WRITING + "metadata: {cluster_by: page}\n"), scripted())


def test_settings_change_with_anything_that_changes_a_figure(tmp_path: Path) -> None:
    before = make_task(tmp_path, WRITING).settings
    assert json.loads(json.dumps(before)) == before
    assert make_task(tmp_path, WRITING + "tag: x\n").settings == before
    assert make_task(tmp_path, WRITING, settings={"seed": 1}).settings != before
    assert make_task(tmp_path, WRITING + "description: x\n").settings != before
    assert make_task(tmp_path, WRITING, [*ROWS, ROWS[0]]).settings != before


@pytest.mark.parametrize(
    ("body", "rows", "problem"),
    [
        (WRITING, [], "there are no rows"),
        (WRITING, [ROWS[0], {"q": "two?"}], "line 2: there is no 'a', which doc_to_target needs"),
        (
            WRITING.replace("doc_to_text: q", "doc_to_text: '{{ q }}'"),
            [{"a": "1"}],
            "line 1: there is no 'q', which doc_to_text",
        ),
        (WRITING, [{"q": "", "a": "1"}], "line 1: doc_to_text gives no text, and there is nothing else to show"),
        (
            WRITING + "metric_list: [{metric: bleu}]\n",
            [{"q": "x", "a": " "}],
            "line 1: doc_to_target gives a blank text",
        ),
        (
            WRITING,
            [{"q": 1, "a": "1"}],
            "line 1: doc_to_text gives 1; only multiple_choice takes the number of a choice",
        ),
        (CHOOSING + "a\n", [{"q": "x", "a": 2}], "line 1: the answer 2 is none of its 2 choices, counted from 0"),
        (CHOOSING + "a\n", [{"q": "x", "a": -1}], "line 1: the answer -1 is none of its 2 choices"),
        (CHOOSING + "a\n", [{"q": "x", "a": "z"}], "line 1: the answer 'z' is none of its 2 choices."),
        (CHOOSING + "a\n", [{"q": "x", "a": "1"}], 'to take a text as a number, write doc_to_target: "{{column}}"'),
        (CHOOSING + "a\nmetric_list: [{metric: f1}]\n", [{"q": "x", "a": [0, 1]}], "several choices are right"),
        (
            CHOOSING.replace("[x, y]", "[x, y, z]") + "a\nmetric_list: [{metric: f1}]\n",
            [{"q": "x", "a": 0}],
            "there are 3 choices",
        ),
        (
            HEAD + "output_type: loglikelihood\ndoc_to_text: q\ndoc_to_target: a\n",
            [{"q": "x", "a": ["y", "z"]}],
            "gives several texts",
        ),
        (HEAD + "output_type: loglikelihood_rolling\ndoc_to_target: a\n", [{"a": ""}], "doc_to_target gives no text"),
        (
            WRITING + "num_fewshot: 3\nfewshot_split: test\n",
            ROWS,
            "num_fewshot is 3, and the split that examples come from has 2",
        ),
    ],
    ids=lambda value: ascii(value)[-40:],
)
def test_a_row_at_fault_is_named_before_the_model_is_asked(
    tmp_path: Path, body: str, rows: Sequence[dict[str, Any]], problem: str
) -> None:
    model = scripted()
    with pytest.raises(EvaluationDataError, match=re.escape(problem)):
        run(make_task(tmp_path, body, rows), model)
    assert model.requests == []


def test_rows_that_are_not_there_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPKIT_DATA", raising=False)
    task = make_task(tmp_path, WRITING)
    (tmp_path / "rows.jsonl").unlink()
    for use in (lambda: task.settings, lambda: run(task, scripted())):
        with pytest.raises(
            EvaluationDataError, match=r"data_files names rows\.jsonl, which is neither beside the task nor"
        ):
            use()


def test_a_model_that_cannot_is_told_before_any_work(tmp_path: Path) -> None:
    cannot_score = ScriptedModel(["1"])
    with pytest.raises(CapabilityError, match="task needs a model that can score, and scripted cannot"):
        run(make_task(tmp_path, CHOOSING + "a\n", [{"q": "x", "a": 1}]), cannot_score)
    with pytest.raises(ValueError, match="task measures a model; open it with one"):
        make_task(tmp_path, WRITING).open(None, None).__enter__()
    with pytest.raises(ValueError, match="limit is 0; ask 1 sample at least"):
        make_task(tmp_path, WRITING).open(scripted(), 0).__enter__()


def test_a_package_that_is_missing_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    model = scripted()
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'appkit-llm\[eval\]'"):
        run(make_task(tmp_path, WRITING + "metric_list: [{metric: bleu}]\n"), model)
    assert model.requests == []


def test_a_filter_that_takes_too_long_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.yaml_tasks.patterns.MATCH_TIMEOUT_S", 0.1)
    text = WRITING + "filter_list: [{name: f, filter: [{function: regex, regex_pattern: '^(a|a)+$'}]}]\n"
    with pytest.raises(EvaluationError, match=re.escape("Avoid repeats within repeats, as in (a+)+.")):
        run(make_task(tmp_path, text), scripted("a" * 40 + "b"))


def test_a_table_is_a_data_set_too(tmp_path: Path) -> None:
    path = write_task(tmp_path, CHOOSING.replace("json\n", "csv\n", 1).replace("rows.jsonl", "rows.csv") + "label\n")
    (tmp_path / "rows.csv").write_text("q,label\nwhat?,1\nwho?,0\n")
    with load_yaml_task(path).open(scripted(), None) as session:
        assert [sample.target for sample in session.samples] == [1, 0]


def test_rows_are_found_through_the_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "sums").mkdir(parents=True)
    write_rows(tmp_path / "data" / "sums" / "rows.jsonl", ROWS)
    monkeypatch.setenv("APPKIT_DATA", str(tmp_path / "data"))
    path = tmp_path / "task.yaml"
    path.write_text(WRITING.replace("rows.jsonl", "sums/rows.jsonl"))
    with load_yaml_task(path).open(scripted(), 1) as session:
        assert session.samples[0].target == "1"
