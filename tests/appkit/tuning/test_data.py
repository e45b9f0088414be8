"""Rows of a run: how long, how many steps they make, and how often is evaluated."""

from pathlib import Path

import pytest

from appkit.tuning.config import TuneConfig
from appkit.tuning.data import MIN_STEPS, find_files, prepare_rows, with_absolute_paths
from runtime.errors import TrainingDataError
from runtime.loaders.model_text import load_model_text
from tests.helpers.training_data import chat_line, write_lines
from tests.helpers.tuning import write_sums


def rows_of(model: Path, data: Path, **options):
    return prepare_rows(TuneConfig(data=str(data), model=str(model), **options), load_model_text(model))


def test_many_lines_make_long_rows_and_few_lines_many_steps(model, tmp_path):
    many = rows_of(model, write_sums(tmp_path / "many.jsonl", 2500), epochs=1)
    assert 900 < many.num_tokens / len(many.rows) <= 1024
    few = rows_of(model, write_sums(tmp_path / "few.jsonl", 200))
    assert few.num_steps >= MIN_STEPS
    fewest = rows_of(model, write_sums(tmp_path / "fewest.jsonl", 20))
    assert max(map(len, fewest.rows)) > 200  # no shorter than pays


def test_no_example_is_cut_to_fit_a_row(model, tmp_path):
    data = write_lines(tmp_path / "a.jsonl", chat_line("q", "a" * 400), *[chat_line("q", f"a{i}") for i in range(9)])
    assert max(map(len, rows_of(model, data).rows)) > 400


def test_steps_follow_epochs_accumulation_and_their_limit(model, data):
    rows = rows_of(model, data, batch_tokens=100, epochs=2, accumulation=4)
    assert rows.num_steps == 2 * -(-len(rows.rows) // 4)
    assert rows_of(model, data, batch_tokens=100, max_steps=3).num_steps == 3


@pytest.mark.parametrize(("count", "most"), [(4, 10), (200, 6)])
def test_evaluating_takes_no_more_than_a_fifth_of_the_time(model, data, tmp_path, count, most):
    validation = write_sums(tmp_path / "v.jsonl", count)
    rows = rows_of(model, data, validation=str(validation), epochs=9)
    num_evaluations = rows.num_steps // rows.eval_every
    assert 1 <= num_evaluations <= most
    cost = num_evaluations * sum(map(len, rows.eval_rows)) / 3
    assert cost <= 0.2 * rows.num_tokens * 9 or num_evaluations == 1


def test_without_a_validation_set_nothing_is_evaluated(model, data):
    rows = rows_of(model, data)
    assert (rows.eval_rows, rows.eval_every) == ((), None)


def test_a_folder_holds_lines_to_train_and_to_validate_on(model, tmp_path):
    write_sums(tmp_path / "train.jsonl", 20)
    write_sums(tmp_path / "valid.jsonl", 5)
    rows = rows_of(model, tmp_path)
    assert (len(rows.prepared.train), len(rows.prepared.validation)) == (20, 5)
    other = write_sums(tmp_path / "other.jsonl", 3)
    assert len(rows_of(model, tmp_path, validation=str(other)).prepared.validation) == 3


def test_a_folder_without_the_file_to_train_on_is_refused(tmp_path):
    with pytest.raises(TrainingDataError, match=r"is a folder without train\.jsonl"):
        find_files(TuneConfig(data=str(tmp_path)))


def test_pairs_stay_together(model, tmp_path):
    lines = [{"prompt": f"q{i}", "chosen": "yes " * i, "rejected": "no"} for i in range(1, 20)]
    rows = rows_of(model, write_lines(tmp_path / "p.jsonl", *lines), validation=0.2)
    assert rows.is_preference
    assert all((len(row.cu_seqlens) - 1) % 2 == 0 for row in (*rows.rows, *rows.eval_rows))


def test_a_date_that_is_none_is_named(model, data):
    with pytest.raises(ValueError, match="date is 'today'"):
        rows_of(model, data, date="today")


def test_paths_do_not_depend_on_the_folder_one_is_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = with_absolute_paths(
        TuneConfig(data="a.jsonl", validation="v.jsonl", mix={"m.jsonl": 0.1}, model="smollm2-135m")
    )
    assert (config.data, config.validation) == (str(tmp_path / "a.jsonl"), str(tmp_path / "v.jsonl"))
    assert (config.mix, config.model) == ({str(tmp_path / "m.jsonl"): 0.1}, "smollm2-135m")
