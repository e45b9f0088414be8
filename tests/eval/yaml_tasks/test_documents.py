import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.errors import EvaluationDataError, EvaluationError
from eval.yaml_tasks.documents import DocFields, DocReader, columns_of
from eval.yaml_tasks.rows import Row

VALUES = {"q": "Why?", "a": "So", "n": 3, "label": 1, "choices": ["x", "y"], "both": ["So", "Thus"], "none": None}


def read(text: Any = "q", target: Any = "a", choices: Any = None, values: dict[str, Any] = VALUES) -> Any:
    row = Row(place="rows.jsonl, line 7", values=values)
    return DocReader(DocFields(text=text, target=target, choices=choices), columns_of([row])).read(row)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("q", "Why?"),
        ("Q: {{q}}\n", "Q: Why?\n"),  # the last line break stays
        ("{{q}} {{ n + 1 }}{% if n > 2 %}!{% endif %}", "Why? 4!"),
        ("", ""),
        ("{{choices}}", "['x', 'y']"),
        ("n", 3),
        ("{{n}}", "3"),
    ],
)
def test_text_is_a_column_or_a_template(text: str, shown: str | int) -> None:
    assert read(text).text == shown


@pytest.mark.parametrize(
    ("target", "right"),
    [
        ("a", "So"),
        ("{{a}}!", "So!"),
        ("n", 3),
        ("{{n}}", "3"),
        ("both", ["So", "Thus"]),
        ("{{both}}", ["So", "Thus"]),
        ("{{[n, 4]}}", [3, 4]),
        ("[{{a}}]", "[So]"),  # no literal
        ("['\\d', 1or 2]", "['\\d', 1or 2]"),  # nor this, without a warning
        ("['\\d']", ["\\d"]),
        ("[]", []),
        (2, 2),
        (["p", "q"], ["p", "q"]),
    ],
)
def test_targets_are_texts_numbers_or_lists(target: Any, right: Any) -> None:
    if right == []:
        with pytest.raises(EvaluationDataError, match="doc_to_target gives an empty list; it must be text"):
            read(target=target)
    else:
        assert read(target=target).target == right


@pytest.mark.parametrize("choices", ["choices", "{{choices}}", '["x", "y"]{# a comment #}', ["x", "y"]])
def test_choices_are_a_column_a_template_or_a_list(choices: Any) -> None:
    doc = read(target="{{label}}", choices=choices)
    assert (doc.choices, doc.target) == (("x", "y"), 1)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"text": "{{question}}"}, "line 7: there is no 'question', which doc_to_text needs; the row has q, a, n"),
        ({"text": "{{q.x.y}}"}, "which doc_to_text needs"),
        ({"text": "none"}, "line 7: there is no 'none', which doc_to_text needs"),
        ({"text": "choices"}, "doc_to_text gives a list; it must be text"),
        ({"text": "{{ 'a' * 10000000 }}"}, "line 7: doc_to_text cannot be rendered"),
        ({"text": "{{ q.__class__.__mro__ }}"}, "line 7: doc_to_text cannot be rendered"),
        ({"text": "{{ 1 // 0 }}"}, "line 7: doc_to_text cannot be rendered: ZeroDivisionError"),
        ({"choices": "q"}, "doc_to_choice must give a list of 1 to 1,000 texts"),
        ({"choices": "{{ [1, 2] }}"}, "doc_to_choice gives 1, and every choice must be a text that is not empty"),
        ({"choices": "{{ ['', 'a'] }}"}, "doc_to_choice gives '', and every choice"),
        ({"choices": "{{ [] }}"}, "doc_to_choice must give a list"),
        ({"choices": "__import__('os').getcwd()"}, "doc_to_choice must give a list"),
        ({"choices": "[x for x in (1,)]"}, "doc_to_choice must give a list"),
        ({"choices": "[" * 3000 + "]" * 3000}, "doc_to_choice must give a list"),
        ({"choices": "{{ ['a'] * 2000 }}"}, "doc_to_choice must give a list of 1 to 1,000 texts"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_row_that_cannot_be_read_is_named(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(EvaluationDataError, match=re.escape(problem)):
        read(**fields)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"text": "{{ q"}, "doc_to_text is no Jinja template"),
        ({"text": "{% include 'x' %}"}, "doc_to_text is no Jinja template"),
        ({"text": "{{ q | nofilter }}"}, "doc_to_text is no Jinja template"),
        ({"target": "labell"}, "doc_to_target is 'labell', which is no column of the data; did you mean label?"),
    ],
)
def test_a_template_at_fault_is_no_fault_of_a_row(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(problem)) as caught:
        read(**fields)
    assert not isinstance(caught.value, EvaluationDataError)


def test_a_column_that_one_row_lacks_is_not_taken_for_text() -> None:
    rows = [Row(place="line 1", values={"q": "x", "a": "y"}), Row(place="line 2", values={"a": "y"})]
    reader = DocReader(DocFields(text="q", target="a", choices=None), columns_of(rows))
    assert reader.read(rows[0]).text == "x"
    with pytest.raises(EvaluationDataError, match="line 2: there is no 'q', which doc_to_text needs"):
        reader.read(rows[1])


def test_a_loop_without_end_is_stopped() -> None:
    with pytest.raises(EvaluationDataError, match="ran for more than"):
        read("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=4))
def test_a_list_comes_out_of_a_template_as_it_went_in(choices: list[str]) -> None:
    assert read(choices="{{ c }}", values={"q": "x", "a": "y", "c": choices}).choices == tuple(choices)
