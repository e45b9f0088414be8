import re
import warnings
from pathlib import Path
from typing import Any

import pytest

from appkit.errors import EvaluationError
from eval.harness.notices import EvaluationNotice
from eval.yaml_tasks.config import TaskConfig, read_config
from tests.eval.yaml_tasks.task_files import HEAD, WRITING

CHOOSING = HEAD + "output_type: multiple_choice\ndoc_to_text: q\ndoc_to_target: a\ndoc_to_choice: [x, y]\n"
DOCUMENTS = HEAD + "output_type: loglikelihood_rolling\ndoc_to_target: text\n"
SPLITS = WRITING.replace("{test: rows.jsonl}", "{test: rows.jsonl, train: t.jsonl, validation: v.jsonl}")


def read(tmp_path: Path, text: str, **settings: Any) -> TaskConfig:
    path = tmp_path / "task.yaml"
    path.write_text(text, "utf-8")
    return read_config(path, settings)


def test_what_is_not_said_is_as_lm_eval_has_it(tmp_path: Path) -> None:
    config = read(tmp_path, WRITING)
    assert (config.name, config.version, config.output_type, config.split) == ("task", "0", "generate_until", "test")
    assert (config.target_delimiter, config.few_shot.style.fewshot_delimiter) == (" ", "\n\n")
    assert (config.few_shot.num, config.few_shot.sampler, config.seed, config.repeats) == (0, "default", 1234, 1)
    assert [metric.name for metric in config.metrics] == ["exact_match"]
    assert not config.is_chat


@pytest.mark.parametrize(
    ("text", "split"),
    [
        (SPLITS + "num_fewshot: 1\nfewshot_split: test\n", "test"),
        (SPLITS + "num_fewshot: 1\nfewshot_split: test\nfewshot_config: {split: validation}\n", "validation"),
        (SPLITS + "num_fewshot: 1\ntraining_split: train\nvalidation_split: validation\n", "train"),
        (SPLITS + "num_fewshot: 1\nvalidation_split: validation\n", "validation"),
        (SPLITS + "num_fewshot: 1\ntraining_split: train\nfewshot_config: {samples: [{q: 1, a: 2}]}\n", None),
        (SPLITS + "num_fewshot: 1\nfewshot_split: train\nfewshot_config: {samples: [{q: 1, a: 2}]}\n", "train"),
    ],
)
def test_examples_come_from_the_split_that_is_named_else_from_training(
    tmp_path: Path, text: str, split: str | None
) -> None:
    assert read(tmp_path, text).few_shot.split == split


def test_examples_may_read_otherwise_than_questions(tmp_path: Path) -> None:
    text = WRITING + 'fewshot_config: {doc_to_text: "{{q}}!", target_delimiter: "=", samples: [{q: 1, a: 2}]}\n'
    few_shot = read(tmp_path, text).few_shot
    assert (few_shot.docs.text, few_shot.docs.target) == ("{{q}}!", "a")
    assert (few_shot.style.target_delimiter, few_shot.style.fewshot_delimiter) == ("=", "\n\n")


def test_files_without_a_split_are_for_training(tmp_path: Path) -> None:
    text = WRITING.replace("{test: rows.jsonl}", "[a.jsonl, b.jsonl]").replace("test_split: test", "test_split: train")
    assert read(tmp_path, text).data_files == {"train": ("a.jsonl", "b.jsonl")}


@pytest.mark.parametrize("value", [3, "3"])
def test_settings_take_the_place_of_the_file(tmp_path: Path, value: Any) -> None:
    text = WRITING + "num_fewshot: 1\nfewshot_split: test\ngeneration_kwargs: {seed: 5}\n"
    assert (read(tmp_path, text).few_shot.num, read(tmp_path, text).seed) == (1, 5)
    config = read(tmp_path, text, num_fewshot=value, seed=value)
    assert (config.few_shot.num, config.seed) == (3, 3)
    assert read(tmp_path, text, num_fewshot="0").few_shot.num == 0


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"shots": 3}, "A task in YAML has no setting 'shots'; it takes num_fewshot (worked examples"),
        ({"num_fewshot": "many"}, "num_fewshot is 'many'; give a whole number from 0 to 1,000"),
        ({"num_fewshot": -1}, "num_fewshot is -1"),
        ({"num_fewshot": 1001}, "num_fewshot is 1001"),
        ({"seed": True}, "seed is True"),
        ({"seed": "9" * 30}, "give a whole number from 0 to"),
    ],
)
def test_settings_that_cannot_be_are_the_callers_fault(tmp_path: Path, settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        read(tmp_path, WRITING, **settings)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (WRITING + "doc_to_txt: q\n", "line 6: doc_to_txt is not known here; did you mean doc_to_text"),
        (WRITING + "zzz: q\n", "line 6: zzz is not known here; known are apply_chat_template, "),
        (WRITING + "process_docs: f\n", "process_docs would run code; change the rows once"),
        (WRITING + "process_results: f\n", "process_results would run code; use filter_list and metric_list"),
        (
            WRITING + "gen_prefix: a\n",
            "gen_prefix is not read; write the start of the answer at the end of doc_to_text",
        ),
        (WRITING + "task: ../x\n", "task is '../x'; a name is letters, digits"),
        (WRITING + "task: [a]\n", "task is ['a']; write a text"),
        (WRITING + "dataset_name: main\n", "dataset_name is a part of a data set on a hub"),
        (
            WRITING.replace("json\n", "gsm8k\n", 1),
            "dataset_path is 'gsm8k'; only local files are read: save the rows as",
        ),
        (WRITING.replace("dataset_path: json\n", ""), "dataset_path is None; only local files are read"),
        (WRITING.replace("{test: rows.jsonl}", "3"), "data_files holds [3]; a split has a file, or a list of files"),
        (WRITING.replace("{test: rows.jsonl}", "{test: []}"), "data_files holds []"),
        (
            WRITING.replace("{test: rows.jsonl}", "rows.jsonl"),
            "test_split is 'test', and data_files has train; files without",
        ),
        (WRITING.replace("{data_files: {test: rows.jsonl}}", "{}"), "must hold data_files: the file of the rows"),
        (WRITING.replace("{data_files: ", "{revision: x, data_files: "), "dataset_kwargs.revision is not known here"),
        (WRITING.replace("test_split: test\n", ""), "test_split is missing: say which split is evaluated, of test"),
        (WRITING + "output_type: generate\n", "output_type is 'generate'; choose one of generate_until, loglikelihood"),
        (WRITING.replace("doc_to_text: q\n", ""), "doc_to_text is missing: the column or template"),
        (WRITING.replace("doc_to_target: a\n", ""), "doc_to_target is missing"),
        (
            WRITING.replace("doc_to_target: a\n", "doc_to_target: 1.5\n"),
            "doc_to_target is 1.5; write the name of a column",
        ),
        (WRITING.replace("doc_to_text: q\n", "doc_to_text: {{q}}\n"), "line 4"),
        (WRITING.replace("doc_to_text: q\n", "doc_to_text: [q]\n"), "doc_to_text is ['q']; write the name of a column"),
        (CHOOSING.replace("doc_to_choice: [x, y]\n", ""), "doc_to_choice is missing: multiple_choice needs the texts"),
        (
            CHOOSING.replace("[x, y]", "[1, 2]"),
            "doc_to_choice must be a column, a template or a list of texts, in quotes",
        ),
        (CHOOSING.replace("[x, y]", "3"), "doc_to_choice is 3; write a column"),
        (CHOOSING + "repeats: 2\n", "repeats is for generate_until; multiple_choice gives the same every time"),
        (
            CHOOSING + "generation_kwargs: {}\n",
            "generation_kwargs is for generate_until; multiple_choice writes no answers",
        ),
        (CHOOSING + "filter_list: [{name: f, filter: []}]\n", "filter_list is for generate_until"),
        (
            DOCUMENTS + "num_fewshot: 1\nfewshot_split: test\n",
            "num_fewshot must be 0: loglikelihood_rolling reads whole",
        ),
        (DOCUMENTS + "apply_chat_template: true\n", "apply_chat_template must be false"),
        (WRITING + "apply_chat_template: yes\n", "apply_chat_template is 'yes'; write true or false"),
        (
            WRITING + "num_fewshot: 2\n",
            "num_fewshot is 2, and nothing says where examples come from: name fewshot_split",
        ),
        (WRITING + "num_fewshot: two\n", "num_fewshot is 'two'; give a whole number from 0 to 1,000"),
        (WRITING + "fewshot_split: dev\n", "fewshot_split is 'dev', and data_files has test"),
        (
            WRITING + "fewshot_config: {sampler: balanced}\n",
            "fewshot_config.sampler is 'balanced'; choose one of default, first_n",
        ),
        (WRITING + "fewshot_config: {samples: 3}\n", "fewshot_config.samples must be a list of rows"),
        (WRITING + "fewshot_config: 3\n", "fewshot_config is 3; write 'name: value' lines under it"),
        (WRITING + "metadata: {cluster: q}\n", "line 6: metadata.cluster is not known here; did you mean cluster_by?"),
        (WRITING + "repeats: 0\n", "repeats is 0; give a whole number from 1 to 1,000"),
        (WRITING + "description: 3\n", "description is 3; write a text, in quotes if need be"),
    ],
    ids=lambda value: ascii(value[-36:]),
)
def test_a_field_at_fault_is_named_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(problem)) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "task.yaml") in str(caught.value)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (WRITING + "target_delimiter: '\\n'\n", "line 6: target_delimiter"),
        (WRITING + "fewshot_delimiter: '\\n\\n'\n", "line 6: fewshot_delimiter"),
        (WRITING + "description: 'Answer.\\n'\n", "line 6: description"),
        (WRITING + "generation_kwargs: {until: ['.', '\\n']}\n", "line 6: generation_kwargs.until"),
        (WRITING + "fewshot_config: {fewshot_delimiter: \\n}\n", "line 6: fewshot_config.fewshot_delimiter"),
        (WRITING.replace("doc_to_text: q", "doc_to_text: 'Q: {{q}}\\nA:'"), "line 4: doc_to_text"),
    ],
)
def test_a_line_break_in_single_quotes_is_warned_of(tmp_path: Path, text: str, field: str) -> None:
    with pytest.warns(
        EvaluationNotice, match=re.escape(f'{field} holds a backslash and "n", not a line break')
    ) as caught:
        read(tmp_path, text)
    assert len(caught) == 1 and 'Write it in double quotes: "\\n".' in str(caught[0].message)


def test_real_line_breaks_and_those_of_jinja_are_no_trap(tmp_path: Path) -> None:
    text = WRITING.replace("doc_to_text: q", "doc_to_text: '{{ q.split(\"\\n\")[0] }}'")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(tmp_path, text + 'target_delimiter: "\\n"\ngeneration_kwargs: {until: ["\\n"]}\n')


def test_metadata_may_hold_more(tmp_path: Path) -> None:
    assert read(tmp_path, WRITING + "metadata: {version: 2, num_fewshot: 3, authors: [a]}\n").version == "2"


@pytest.mark.parametrize(
    "key", ["task_alias: t", "tag: [a, b]", "should_decontaminate: true", "doc_to_decontamination_query: q"]
)
def test_fields_that_change_no_figure_are_allowed(tmp_path: Path, key: str) -> None:
    assert read(tmp_path, f"{WRITING}{key}\n").name == "task"
