"""Stores: which columns count, which rows are no examples, and what is worked out once."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from appkit.fewshot import Example, ExampleFileError, ExampleStore
from appkit.fewshot import store as store_module
from tests.appkit.fewshot.examples import make_store
from tests.helpers.tiny_embedder import TinyEmbedder


def test_all_columns_but_label_and_id_are_inputs_where_nothing_is_said() -> None:
    store = ExampleStore.from_rows([{"id": 7, "title": "t", "tags": ["a", "好"], "answer": {"n": 1}}])
    assert store[0] == Example(id="7", fields={"title": "t", "tags": ["a", "好"]}, label='{"n": 1}')
    assert store[0].text == 't\n["a", "好"]'


def test_named_columns_are_the_only_ones_looked_at() -> None:
    rows = [{"text": "a", "team": "x", "key": "k1", "note": 1}, {"text": "b", "team": "y", "key": "k2"}]
    store = ExampleStore.from_rows(rows, inputs=["text"], label="team", id_column="key")
    assert [(one.id, dict(one.fields), one.label) for one in store] == [
        ("k1", {"text": "a"}, "x"),
        ("k2", {"text": "b"}, "y"),
    ]
    assert (store.inputs, store.labels) == (("text",), ("x", "y"))


def test_an_id_made_from_the_content_is_the_same_everywhere_and_another_for_other_content() -> None:
    one, same, other = (
        ExampleStore.from_rows([row])[0].id
        for row in (
            {"a": "x", "b": "y", "answer": "z"},
            {"b": "y", "answer": "z", "a": "x"},
            {"a": "x", "b": "z", "answer": "z"},
        )
    )
    assert one == same == "8bab00b0edb2c586"  # sha256sum of [{"a": "x", "b": "y"}, "z"]
    assert other != one


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ({"text": "b"}, "it has no 'answer', the label (another column is named by label=…); its columns are 'text'"),
        ({"text": "b", "answer": ""}, "it has no 'answer'"),
        ({"text": "b", "answer": " "}, "its label is blank"),
        ({"text": "b", 1: "c", "answer": "x"}, "the names of its columns are not all texts"),
        ({"answer": "x"}, "it has no 'text'"),
        ({"text": None, "answer": "x"}, "it has no 'text'"),
        ({"text": " ", "answer": "x"}, "its inputs are empty"),
        ({"text": "b", "more": 1, "answer": "x"}, "it has 'more', which the rows before have not"),
        ({"text": "a", "answer": "x"}, "as row 1 has"),
        ({"text": "\ud800", "answer": "x"}, "a value of it is no JSON value"),
        ({"text": object(), "answer": "x"}, "a value of it is no JSON value"),
        ({"text": float("nan"), "answer": "x"}, "a value of it is no JSON value"),
        ({"text": "b" * 100_001, "answer": "x"}, "it holds 100,002 characters; an example takes 100,000"),
        ({"text": "b", "answer": "x", "id": ""}, "its id has 0 characters"),
        ({"text": "b", "answer": "x", "id": "i" * 201}, "its id has 201 characters"),
        ("text", "it is a str, not a mapping"),
    ],
)
def test_a_row_that_is_no_example_is_named(row: Mapping[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match="Row 2 is no example: ") as caught:
        ExampleStore.from_rows([{"text": "a", "answer": "x"}, row])
    assert what in str(caught.value)


def test_the_rows_of_a_file_are_named_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"id": "1", "text": "a", "team": "x"}, {"id": "1", "text": "b", "team": "x"}, {"id": "3", "text": "c"}]
    path.write_text("\n\n".join(map(json.dumps, rows)), "utf-8")
    with pytest.raises(
        ExampleFileError, match=r"2 of 3 rows cannot be used\. line 3: it has the id '1', as line 1 has; line 5"
    ):
        ExampleStore.from_file(path, label="team")


def test_an_empty_file_and_an_empty_list_hold_no_examples(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,answer\n", "utf-8")
    with pytest.raises(ExampleFileError, match="it holds no examples"):
        ExampleStore.from_file(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="There are no examples"):
        ExampleStore([])


def test_more_examples_than_a_store_takes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAX_EXAMPLES", 2)
    (tmp_path / "a.csv").write_text("text,answer\na,x\nb,x\nc,x\n", "utf-8")
    with pytest.raises(ExampleFileError, match="holds more than 2 rows"):
        ExampleStore.from_file(tmp_path / "a.csv")
    with pytest.raises(ValueError, match="There are 6 examples; a store takes 2"):
        make_store()


def test_mappings_are_no_examples_and_the_message_says_who_reads_them() -> None:
    with pytest.raises(TypeError, match=r"not dict; ExampleStore\.from_rows reads mappings"):
        ExampleStore([{"text": "a", "answer": "b"}])  # type: ignore[list-item]


def test_the_label_cannot_be_an_input_and_inputs_are_a_list() -> None:
    rows = [{"text": "a", "answer": "b"}]
    with pytest.raises(ValueError, match="'answer' is the label"):
        ExampleStore.from_rows(rows, inputs=["text", "answer"])
    with pytest.raises(TypeError, match=r"give a list of columns: \['text'\]"):
        ExampleStore.from_rows(rows, inputs="text")


def test_examples_with_one_id_or_with_other_fields_make_no_store() -> None:
    one = Example(id="a", fields={"text": "x"}, label="y")
    with pytest.raises(ValueError, match="Two examples have the id 'a'"):
        ExampleStore([one, one])
    with pytest.raises(ValueError, match=r"'b' has the fields \['title'\] and the first one \['text'\]"):
        ExampleStore([one, Example(id="b", fields={"title": "x"}, label="y")])


def test_a_question_is_a_text_or_the_fields_of_the_examples() -> None:
    store = ExampleStore.from_rows([{"title": "t", "body": "b", "answer": "x"}])
    assert store.text_of({"body": "B", "title": "T", "more": 1}) == "T\nB"
    assert store.text_of("T") == "T"
    with pytest.raises(ValueError, match=r"lacks the fields \['body'\]; these examples have \['title', 'body'\]"):
        store.text_of({"title": "T"})
    with pytest.raises(ValueError, match="The question is empty"):
        store.text_of(" \n")


def test_vectors_are_made_once_for_an_embedder_and_shared_with_subsets() -> None:
    store, embedder = make_store(), TinyEmbedder()
    whole = store.vectors(embedder)
    part = store.subset(["leak", "pump"])
    assert np.array_equal(part.vectors(embedder), whole[[5, 0]])
    assert np.array_equal(part.subset(["pump"]).vectors(embedder), whole[[0]])
    assert embedder.embedded == [example.text for example in store]


def test_another_embedder_of_the_same_name_gets_vectors_of_its_own() -> None:
    store = make_store()
    assert not np.allclose(store.vectors(TinyEmbedder(seed=0)), store.vectors(TinyEmbedder(seed=1)))


def test_a_subset_keeps_the_order_it_is_given_and_refuses_what_is_not_there() -> None:
    part = make_store().subset(["leak", "pump"])
    assert [example.id for example in part] == ["leak", "pump"]
    with pytest.raises(ValueError, match="There is no example 'title' among these 2"):
        part.subset(["title"])
    assert len(part.subset([])) == 0
