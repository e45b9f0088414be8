import re
from pathlib import Path

import pytest

from appkit.errors import EvaluationError
from eval.yaml_tasks.fields import Fields
from eval.yaml_tasks.filters import Pipeline, read_pipelines
from eval.yaml_tasks.strict_yaml import read_task_file


def fields(tmp_path: Path, text: str) -> Fields:
    path = tmp_path / "task.yaml"
    path.write_text(text)
    return read_task_file(path)


def pipeline(tmp_path: Path, functions: str, repeats: int = 1) -> Pipeline:
    owner = fields(tmp_path, f"filter_list: [{{name: f, filter: [{functions}]}}]")
    return read_pipelines(owner, owner["filter_list"], repeats)[0]


@pytest.mark.parametrize(
    ("functions", "answer", "judged"),
    [
        ("", "as it is ", "as it is "),
        ("{function: take_first}", "as it is ", "as it is "),
        ("{function: remove_whitespace}", "\n a b\t", "a b"),
        ("{function: lowercase}", "ÀB", "àb"),
        ("{function: uppercase}", "àb", "ÀB"),
        ("{function: regex}", "so #### 1,200.5 yes", "1,200.5"),
        ("{function: regex}", "no number", "[invalid]"),
        ("{function: regex, regex_pattern: '[0-9]+', group_select: -1}", "1 2 3", "3"),
        ("{function: regex, regex_pattern: '[0-9]+', group_select: 2}", "1 2", "[invalid]"),
        ("{function: regex, regex_pattern: '[0-9]+', group_select: -3}", "1 2", "[invalid]"),
        ("{function: regex, regex_pattern: '(a)|(b)', fallback: ''}", "xb", "b"),
        ("{function: regex, regex_pattern: '(a*)(b*)$', fallback: none}", "x", "none"),
        ("{function: regex, regex_pattern: '答案：(.)'}", "答案：四", "四"),
        ("{function: map, mapping_dict: {A: first, 1: 2}, default_value: '?'}", "A", "first"),
        ("{function: map, mapping_dict: {A: first, 1: 2}, default_value: '?'}", "1", "2"),
        ("{function: map, mapping_dict: {A: first}, default_value: '?'}", "a", "?"),
        ("{function: remove_whitespace}, {function: lowercase}, {function: take_first}", " AB ", "ab"),
    ],
)
def test_one_answer(tmp_path: Path, functions: str, answer: str, judged: str) -> None:
    assert pipeline(tmp_path, functions)([answer]) == judged


@pytest.mark.parametrize(
    ("functions", "judged"),
    [
        ("{function: take_first}", "b"),
        ("{function: take_first}, {function: uppercase}", "B"),
        ("{function: majority_vote}", "a"),
        ("{function: majority_vote}, {function: take_first}", "a"),
        ("{function: take_first_k, k: 3}, {function: majority_vote}", "b"),
        ("{function: take_first_k, k: 1}", "b"),
        ("{function: uppercase}, {function: take_first_k, k: 5}, {function: majority_vote}", "A"),
    ],
)
def test_several_answers(tmp_path: Path, functions: str, judged: str) -> None:
    assert pipeline(tmp_path, functions, repeats=5)(["b", "b", "a", "a", "a"]) == judged


def test_of_equal_votes_the_first_answer_counts(tmp_path: Path) -> None:
    assert pipeline(tmp_path, "{function: majority_vote}", repeats=4)(["b", "a", "a", "b"]) == "b"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("filter_list: none", "line 1: filter_list must be a list of entries with 'name' and 'filter'"),
        ("filter_list: [3]", "filter_list must hold entries"),
        ("filter_list: [{name: a}]", "filter_list must hold entries"),
        ("filter_list: [{name: 'a b', filter: []}]", "has the name 'a b'"),
        ("filter_list: [{name: a, filter: [], more: 1}]", "filter_list.more is not known here; known are filter, name"),
        (
            "filter_list: [{name: a, filter: [{function: take_first}]}, {name: a, filter: [{function: take_first}]}]",
            "names a pipeline twice: a, a",
        ),
        ("filter_list: [{name: a, filter: [regex]}]", "must list entries with 'function'"),
        (
            "filter_list: [{name: a, filter: [{function: regx}]}]",
            "is 'regx', which is not known here; did you mean regex",
        ),
        (
            "filter_list: [{name: a, filter: [{function: custom, filter_fn: f}]}]",
            "is 'custom', which is not known here",
        ),
        ("filter_list: [{name: a, filter: [{function: regex, pattern: x}]}]", "did you mean regex_pattern?"),
        ("filter_list: [{name: a, filter: [{function: regex, regex_pattern: '('}]}]", "which is no regular expression"),
        ("filter_list: [{name: a, filter: [{function: regex, regex_pattern: '[[:x:]a'}]}]", "no regular expression"),
        ("filter_list: [{name: a, filter: [{function: regex, regex_pattern: 3}]}]", "must be a regular expression"),
        ("filter_list: [{name: a, filter: [{function: regex, group_select: a}]}]", "must be a whole number"),
        ("filter_list: [{name: a, filter: [{function: regex, fallback: 3}]}]", "fallback must be text"),
        ("filter_list: [{name: a, filter: [{function: map}]}]", "is map, which needs a default_value"),
        ("filter_list: [{name: a, filter: [{function: map, mapping_dict: 3}]}]", "mapping_dict must say"),
        ("filter_list: [{name: a, filter: [{function: take_first_k, k: 4}]}]", "a whole number from 1 to 3"),
        ("filter_list: [{name: a, filter: [{function: take_first_k}]}]", "a whole number from 1 to 3"),
        ("filter_list: [{name: a, filter: [{function: lowercase}]}]", "leaves 3 answers and one is judged"),
    ],
    ids=lambda value: ascii(value[-48:]),
)
def test_what_is_no_filter_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    owner = fields(tmp_path, text)
    with pytest.raises(EvaluationError, match=re.escape(problem)):
        read_pipelines(owner, owner["filter_list"], 3)
