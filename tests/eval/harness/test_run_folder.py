"""Folders that no run wrote, or that were changed since, are refused with a sentence, and nothing in them is lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from appkit import ScriptedModel
from appkit.errors import EvaluationError
from eval.harness.notices import EvaluationNotice
from eval.harness.run import Run, evaluate, load_run
from tests.helpers.small_task import SmallTask


def run_in(folder: Path, **options: Any) -> Run:
    return evaluate(SmallTask(), ScriptedModel(lambda question: "3"), output=folder, **options)


def partial_lines(folder: Path) -> list[bytes]:
    """The lines that the partial file had just before a finished run was whole."""
    ours = json.loads((folder / "results.json").read_text())["appkit"]
    header = {"format": "appkit-evaluation-partial", "version": 1}
    header |= {name: ours[name] for name in ("package", "task", "model")}
    return [json.dumps(header).encode() + b"\n", *(folder / "samples.jsonl").read_bytes().splitlines(keepends=True)]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b'{"a": NaN}', "NaN is no JSON value"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not of this program, or of another version"),
        (b'{"results": {}}', "is not of this program, or of another version"),
        (b'{"appkit": {"format": "appkit-evaluation", "version": 2}}', "is not of this program, or of another version"),
        (b'{"appkit": {"format": "appkit-evaluation", "version": 1}}', "'package' of its part 'appkit' is None"),
    ],
    ids=["empty", "torn", "nan", "deep", "list", "lm-eval", "version", "package"],
)
def test_results_of_others_are_refused(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(EvaluationError, match=fault):
        run_in(tmp_path)
    assert (tmp_path / "results.json").read_bytes() == content


def test_fresh_does_not_remove_results_of_another_program(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"results": {}}')
    with pytest.raises(EvaluationError, match="is of another program and is not removed"):
        run_in(tmp_path, fresh=True)
    assert (tmp_path / "results.json").exists()


def test_fresh_removes_a_damaged_run_and_nothing_else(tmp_path: Path) -> None:
    whole = run_in(tmp_path).results
    content = (tmp_path / "results.json").read_bytes()
    (tmp_path / "results.json").write_bytes(content[:-20])
    (tmp_path / "mine.txt").write_text("keep me")
    assert run_in(tmp_path, fresh=True).results == whole
    assert (tmp_path / "mine.txt").read_text() == "keep me"


@pytest.mark.parametrize("num_removed", [1, 2, 3])
def test_fresh_that_was_killed_leaves_what_goes_on(tmp_path: Path, num_removed: int) -> None:
    whole = run_in(tmp_path).results
    for name in ("samples.jsonl", "results.json", "run.json")[:num_removed]:  # in this order, as --fresh does
        (tmp_path / name).unlink()
    assert run_in(tmp_path).results == whole


@pytest.mark.parametrize("name", ["results.json", "samples.jsonl", "run.json", "samples.partial.jsonl"])
@pytest.mark.parametrize("fresh", [False, True])
def test_links_are_not_followed(tmp_path: Path, name: str, fresh: bool) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).symlink_to(target)
    with pytest.raises(EvaluationError, match="is a symbolic link"):
        run_in(tmp_path / "run", fresh=fresh)
    assert target.read_text() == "precious"


def test_samples_without_a_run_are_refused(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").write_text("{}\n")
    with pytest.raises(EvaluationError, match="nothing says what run it is of"):
        run_in(tmp_path)


@pytest.mark.parametrize(
    "first",
    [b"{}\n", b"nonsense\n", b'{"format": "appkit-evaluation-partial", "version": 9}\n'],
    ids=["empty", "text", "version"],
)
def test_a_partial_file_of_others_is_refused(tmp_path: Path, first: bytes) -> None:
    (tmp_path / "samples.partial.jsonl").write_bytes(first)
    with pytest.raises(EvaluationError, match="is no run under way of this version"):
        run_in(tmp_path)
    assert (tmp_path / "samples.partial.jsonl").read_bytes() == first


@pytest.mark.parametrize(
    "damage", [b"\x00" * 80 + b"\n", b'{"doc_id": 1}\n', b"not json\n"], ids=["zeros", "no fields", "text"]
)
def test_lines_behind_a_damaged_one_are_asked_again_and_that_is_said(tmp_path: Path, damage: bytes) -> None:
    whole = run_in(tmp_path / "whole")
    lines = partial_lines(whole.folder)
    lines[3] = damage
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "samples.partial.jsonl").write_bytes(b"".join(lines))
    log = tmp_path / "log"
    with pytest.warns(EvaluationNotice, match="cannot be read from line 4 on"):
        evaluate(SmallTask(asked_log=log), ScriptedModel(lambda question: "3"), output=tmp_path / "run")
    assert log.read_text().split() == ["2", "3", "4", "5"]
    assert (tmp_path / "run/results.json").read_bytes() == (whole.folder / "results.json").read_bytes()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"acc": 0.0', b'"acc": 1.0'),
        (b'"doc_id": 5', b'"doc_id": 0'),
        (b"4 + 1", b"4 + 2"),
        (b'"metrics": ["acc"', b'"metrics": ["doc"'),
        (b'"notes": {', b'"notes": 1, "note": {'),
    ],
    ids=["value", "order", "document", "metrics", "notes"],
)
def test_samples_that_were_changed_are_refused(tmp_path: Path, old: bytes, new: bytes) -> None:
    run = run_in(tmp_path)
    path = tmp_path / "samples.jsonl"
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    with pytest.raises(EvaluationError, match=r"samples\.jsonl"):
        _ = run.samples
    with pytest.raises(EvaluationError, match=r"samples\.jsonl"):
        run_in(tmp_path)


def test_samples_of_a_run_that_was_stopped_while_it_wrote_them_are_refused(tmp_path: Path) -> None:
    small = run_in(tmp_path / "small", limit=2)
    whole = run_in(tmp_path / "whole")
    (small.folder / "samples.jsonl").write_bytes((whole.folder / "samples.jsonl").read_bytes())
    with pytest.raises(EvaluationError, match="a run was stopped while it wrote them"):
        _ = small.samples


@pytest.mark.parametrize(
    ("name", "value"),
    [("value", "high"), ("low", None), ("n", 0), ("n", 1.5), ("signature", None), ("confidence", None), ("high", -9)],
)
def test_figures_that_are_none_are_refused(tmp_path: Path, name: str, value: object) -> None:
    results = json.loads(json.dumps(run_in(tmp_path).results))
    results["appkit"]["figures"]["acc"][name] = value
    (tmp_path / "results.json").write_text(json.dumps(results))
    with pytest.raises(EvaluationError, match="its figure 'acc' is none"):
        load_run(tmp_path)
