"""The report as a file: self-contained, whole or not at all, with all that is to be known of a score in plain HTML."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from appkit.errors import EvaluationError
from eval.reports import write_report
from tests.helpers.evaluation_runs import figure, record, write_run


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs of one task that differ in a setting, and one of another task."""
    a = write_run(
        tmp_path / "a",
        [record(0, "1 + 1?", "2", "2", acc=1.0), record(1, "2 + 2?", "5", "4", acc=0.0)],
        {"acc": figure(0.5, 0.095, 0.905, n=2, method="Wilson interval", signature="acc|v1")},
        settings={"votes": 1},
        conditions={"command": "appkit eval run sums -m tiny", "started": "2026-01-02T03:04:05+00:00"},
    )
    b = write_run(
        tmp_path / "b",
        [record(0, "1 + 1?", "2", "2", acc=1.0), record(1, "2 + 2?", "4", "4", acc=1.0)],
        {"acc": figure(1.0, 0.342, 1.0, n=2)},
        model="large",
        settings={"votes": 8},
        conditions={"machine": {"cpu": "one of the fast ones", "cores": 96}},
    )
    c = write_run(
        tmp_path / "c",
        [record(0, "a text", "", loss=3.0)],
        {"token_perplexity": figure(15.96, n=1, method="one window has no spread", higher_is_better=False)},
        task="perplexity",
    )
    return [a, b, c]


def report(runs: list[Path], tmp_path: Path) -> str:
    write_report(runs, tmp_path / "report.html")
    return (tmp_path / "report.html").read_text("utf-8")


def seen(html: str) -> str:
    """The text outside scripts and styles, tags taken out."""
    without_code = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", without_code).split())


def test_scores_stand_in_plain_html_with_how_they_were_made(runs: list[Path], tmp_path: Path) -> None:
    text = seen(report(runs, tmp_path))
    assert "A tiny 0.500 [0.095, 0.905] 2" in text
    assert "B large 1.000 [0.342, 1.000] 2" in text
    assert "95% interval: Wilson interval" in text
    assert "Signature: acc|v1" in text
    assert "C tiny 15.96 — 1" in text
    assert "No interval: one window has no spread" in text


def test_shares_have_one_axis_and_a_perplexity_its_own(runs: list[Path], tmp_path: Path) -> None:
    tables = re.findall(r'<table class="scores"><caption.*?>(.*?)</caption>', report(runs, tmp_path))
    assert [re.sub("<.*?>", "", caption) for caption in tables] == ["Measures from 0 to 1", "token_perplexity"]


def test_the_plot_puts_value_and_interval_where_they_lie(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [record(0, "?", "", acc=1.0)], {"acc": figure(0.5, 0.25, 1.0)})
    html = report([run], tmp_path)
    assert '<line class="whisker" x1="27.000%" x2="96.000%"' in html  # 4 % are left free at either end
    assert '<svg x="50.000%"' in html


def test_conditions_say_what_was_run_and_mark_what_differs(runs: list[Path], tmp_path: Path) -> None:
    text = seen(report(runs, tmp_path))
    assert "settings.votes differs 1 8" in text
    assert "Kind of model local local" in text
    assert "appkit eval run sums -m tiny" in text
    assert "2026-01-02T03:04:05+00:00" in text
    assert "machine.cores differs 96" in text


def test_two_runs_of_a_task_are_compared(runs: list[Path], tmp_path: Path) -> None:
    text = seen(report(runs, tmp_path))
    assert "sums : B large − A tiny" in text
    assert re.search(
        r"acc higher is better 0\.500 1\.000 \+0\.500 \[.*?\] 1\.000 May be chance", text
    )  # one pair differs
    assert "1 wrong in A, right in B" in text
    assert "0 right in A, wrong in B" in text


def test_runs_of_other_samples_are_not_compared_and_it_says_why(runs: list[Path], tmp_path: Path) -> None:
    other = write_run(tmp_path / "d", [record(0, "3 + 3?", "6", acc=1.0)], {"acc": figure(1.0)})
    text = seen(report([runs[0], other], tmp_path))
    assert "These runs cannot be compared: The runs were not asked the same samples" in text


def test_runs_of_one_model_are_told_apart_by_their_settings(runs: list[Path], tmp_path: Path) -> None:
    other = write_run(
        tmp_path / "d",
        [record(0, "1 + 1?", "2", "2", acc=1.0), record(1, "2 + 2?", "4", "4", acc=1.0)],
        {"acc": figure(1.0, signature="acc|v1")},
        settings={"votes": 8},
    )
    text = seen(report([runs[0], other], tmp_path))
    assert "A tiny, votes=1 0.500" in text
    assert "B tiny, votes=8 1.000" in text


def test_signatures_that_differ_are_warned_of(runs: list[Path], tmp_path: Path) -> None:
    other = write_run(tmp_path / "d", [record(0, "?", "6", acc=1.0)], {"acc": figure(1.0, signature="acc|v2")})
    text = seen(report([runs[0], other], tmp_path))
    assert "A Signature: acc|v1 B Signature: acc|v2" in text
    assert "these figures were not measured alike and do not compare" in text


def test_a_measure_that_is_measured_otherwise_is_not_tested(runs: list[Path], tmp_path: Path) -> None:
    other = write_run(
        tmp_path / "d",
        [record(0, "1 + 1?", "2", "2", acc=1.0), record(1, "2 + 2?", "4", "4", acc=1.0)],
        {"acc": figure(1.0, signature="acc|v2")},
    )
    text = seen(report([runs[0], other], tmp_path))
    assert "0.500 1.000 +0.500 — Not tested: the runs have other signatures" in text


def test_a_single_run_has_no_section_of_differences(runs: list[Path], tmp_path: Path) -> None:
    assert "Differences" not in seen(report(runs[:1], tmp_path))


def test_nothing_comes_from_elsewhere(runs: list[Path], tmp_path: Path) -> None:
    html = report(runs, tmp_path)
    assert not re.findall(r"\b(?:src|srcset|action|data)=", html.split('<script type="application/json"')[0])
    assert all(link.startswith("#") for link in re.findall(r'href="([^"]*)"', html))
    assert "@import" not in html
    assert "url(" not in html


def test_the_policy_lets_only_the_pages_own_style_and_script_act(runs: list[Path], tmp_path: Path) -> None:
    html = report(runs, tmp_path)
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    style, script = (
        re.search(r"<style>(.*?)</style>", html, re.DOTALL),
        re.search(r"<script>(.*?)</script>", html, re.DOTALL),
    )
    assert style is not None and script is not None
    digests = [base64.b64encode(hashlib.sha256(found[1].encode()).digest()).decode() for found in (style, script)]
    assert policy[1].startswith(
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}';"
    )
    assert "unsafe" not in policy[1]


def test_the_same_runs_give_the_same_bytes(runs: list[Path], tmp_path: Path) -> None:
    assert report(runs, tmp_path) == report(runs, tmp_path)


def test_samples_without_room_are_said_to_be_missing(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eval.reports.sample_data.MAX_SAMPLES", 1)
    html = report(runs, tmp_path)
    found = re.search(r'<script type="application/json" id="report">(.*?)</script>', html)
    assert found is not None
    task = json.loads(found[1])["tasks"][0]
    assert (len(task["ids"]), task["numAll"]) == (1, 2)
    assert "A tiny 0.500" in seen(html)  # of all samples


@pytest.mark.parametrize("count", [0, 13])
def test_a_number_of_runs_that_cannot_be_shown_is_refused(runs: list[Path], tmp_path: Path, count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 12 runs, got {count}"):
        write_report([runs[0]] * count, tmp_path / "report.html")


def test_a_folder_without_a_run_is_refused_and_nothing_is_written(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match=r"results\.json"):
        write_report([runs[0], tmp_path / "empty"], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_a_damaged_sample_is_refused_and_an_older_report_stays(runs: list[Path], tmp_path: Path) -> None:
    before = report(runs, tmp_path)
    (runs[1] / "samples.jsonl").write_text("{}\n")
    with pytest.raises(EvaluationError, match=r"samples\.jsonl"):
        write_report(runs, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8") == before
    assert not list(tmp_path.glob(".report*"))


@pytest.mark.parametrize("content", ["[]", "nothing", '{"a": NaN}', "[" * 100_000])
def test_conditions_that_are_no_json_object_are_refused(runs: list[Path], tmp_path: Path, content: str) -> None:
    (runs[0] / "run.json").write_text(content)
    with pytest.raises(EvaluationError, match=r"run\.json"):
        write_report(runs, tmp_path / "report.html")


def test_a_run_without_samples_or_scores_or_conditions_is_shown(tmp_path: Path) -> None:
    run = write_run(tmp_path / "a", [], {})
    (run / "run.json").unlink()
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps({**results, "config": ["no object"]}))
    assert "Kind of model local" in seen(report([run], tmp_path))


def test_a_folder_that_is_missing_is_named(runs: list[Path], tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="nowhere"):
        write_report(runs, tmp_path / "nowhere" / "report.html")
