"""A file made ready to train on: nothing is lost silently, nothing goes on that should not."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import TrainingDataError
from runtime.training.data.encode import EncodingSettings
from runtime.training.data.prepare import DataSettings, PreparedData, prepare_data
from tests.helpers.training_data import CHATML, byte_tokenizer, chat_line, learnt, write_lines

SETTINGS = DataSettings(encoding=EncodingSettings(max_len=200))
LINES = [chat_line(f"question {i}", f"answer {i}") for i in range(20)]


def prepare(path: Path, settings: DataSettings = SETTINGS, **more: Any) -> PreparedData:
    return prepare_data(path, byte_tokenizer(), CHATML, replace(settings, **more))


def answers(sequences: Any) -> list[str]:
    return [text for sequence in sequences for text in learnt(sequence, byte_tokenizer())]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_lines(tmp_path / "data.jsonl", *LINES)


def test_every_line_is_trained_on_in_an_order_of_the_seed(data: Path) -> None:
    first, again, other = prepare(data), prepare(data), prepare(data, seed=1)
    assert sorted(answers(first.train)) == sorted(f"answer {i}<|im_end|>" for i in range(20))
    assert answers(first.train) == answers(again.train) != answers(other.train)
    assert [line.line_number for line in first.lines] == list(range(1, 21))


def test_the_report_adds_up(tmp_path: Path) -> None:
    long = chat_line("x", "y" * 300)
    path = write_lines(tmp_path / "a.jsonl", LINES[0], LINES[1], b"{", LINES[0], long, {**LINES[2], "id": 1})
    [report] = prepare(path, bad_lines="skip").reports
    assert (report.format, report.num_lines, report.num_sequences) == ("chat", 4, 4)
    assert [bad.line_number for bad in report.bad] == [3]
    assert [line.line_number for line in report.too_long] == [5]
    assert report.duplicates == ((4, 1),)
    assert report.ignored_keys == ("id",)
    [first] = prepare(write_lines(tmp_path / "b.jsonl", LINES[0])).lines
    assert report.num_tokens == 4 * len(first.sequences[0])
    assert report.num_supervised == 4 * first.sequences[0].num_supervised
    assert report.lengths is not None
    assert (report.lengths.shortest, report.lengths.longest) == (len(first.sequences[0]),) * 2


def test_lengths_by_hand(tmp_path: Path) -> None:
    texts = [{"text": "x" * n} for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 99)]  # each with an end token
    lengths = prepare(write_lines(tmp_path / "a.jsonl", *texts)).reports[0].lengths
    assert lengths is not None
    assert (lengths.shortest, lengths.median, lengths.p90, lengths.longest, lengths.mean) == (2, 6, 10, 100, 15.4)


def test_lines_at_fault_stop_it_unless_they_are_skipped(tmp_path: Path) -> None:
    bad = [b"{", chat_line("alone"), {"messages": []}, b"[]", b"1", b"2"]
    path = write_lines(tmp_path / "a.jsonl", LINES[0], *bad)
    with pytest.raises(
        TrainingDataError, match=r"6 of its lines cannot be trained on\. line 2: .*; and 1 more"
    ) as error:
        prepare(path)
    assert error.value.line_number == 2
    assert len(prepare(path, bad_lines="skip").train) == 1


def test_long_lines_stop_it_where_that_is_the_policy(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", LINES[0], chat_line("x", "y" * 300))
    with pytest.raises(TrainingDataError, match=r"1 of its lines are too long\. line 2: it has 3.. tokens, and 200"):
        prepare(path, encoding=EncodingSettings(max_len=200, too_long="refuse"))
    prepared = prepare(path, encoding=EncodingSettings(max_len=200, too_long="truncate-left"))
    assert prepared.reports[0].num_truncated == 1
    assert max(map(len, prepared.train)) == 200


def test_nothing_to_learn_is_an_error(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", chat_line("x", "y" * 300))
    with pytest.raises(
        TrainingDataError, match=r"leaves nothing to learn: 0 lines are at fault and 1 too long\. Line 1"
    ):
        prepare(path)


def test_a_share_is_kept_for_validation_and_never_mixed_into(data: Path, tmp_path: Path) -> None:
    general = write_lines(tmp_path / "general.jsonl", *[{"text": f"text {i}"} for i in range(10)])
    prepared = prepare(data, validation=0.2, mix=((general, 0.2),))
    assert len(prepared.validation) == 4
    assert (len(prepared.train), prepared.num_mixed) == (20, 4)
    assert not set(answers(prepared.train)) & set(answers(prepared.validation))
    assert not any(sequence.source == "general.jsonl" for sequence in prepared.validation)
    assert [report.format for report in prepared.reports] == ["chat", "text"]


def test_too_few_lines_to_validate_on_are_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", LINES[0], LINES[0])
    with pytest.raises(TrainingDataError, match=r"a\.jsonl: 1 distinct examples are too few"):
        prepare(path, validation=0.5)


def test_an_empty_validation_file_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"none\.jsonl has no examples"):
        prepare(data, validation=write_lines(tmp_path / "none.jsonl"))


def test_validation_lines_that_are_trained_on_are_counted(data: Path, tmp_path: Path) -> None:
    held_out = write_lines(tmp_path / "held-out.jsonl", LINES[3], chat_line("new", "news"))
    prepared = prepare(data, validation=held_out)
    assert (len(prepared.train), len(prepared.validation), prepared.num_leaked) == (20, 2, 1)


def test_pairs_are_kept_together_and_apart_from_other_examples(data: Path, tmp_path: Path) -> None:
    pairs = [{"prompt": f"q{i}", "chosen": "good", "rejected": "bad"} for i in range(10)]
    path = write_lines(tmp_path / "pairs.jsonl", *pairs)
    prepared = prepare(path, validation=0.2)
    assert (len(prepared.train_pairs), len(prepared.validation_pairs)) == (8, 2)
    assert prepared.train == prepared.validation == ()
    with pytest.raises(TrainingDataError, match="not trained on together"):
        prepare(path, mix=((data, 0.1),))


def test_fields_are_for_the_file_and_its_validation(tmp_path: Path, data: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", {"q": "x", "a": "y"})
    held_out = write_lines(tmp_path / "b.jsonl", {"q": "z", "a": "w"})
    prepared = prepare(path, fields={"prompt": "q", "completion": "a"}, validation=held_out, mix=((data, 0.5),))
    assert answers(prepared.validation) == ["w<|im_end|>"]


def test_training_data_needs_no_torch() -> None:
    code = "import runtime.training.data.prepare, runtime.training.data.packing, sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_a_hostile_file_ends_in_a_sentence(tmp_path: Path) -> None:
    nested: Any = {}
    for _ in range(500):
        nested = {"properties": nested}
    tools = [{"type": "function", "function": {"name": "f", "parameters": nested}}]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(chat_line("hi", "ho", tools=tools)) + "\n")
    with pytest.raises(TrainingDataError, match="nested"):
        prepare(path)
