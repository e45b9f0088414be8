"""`appkit eval`: found through its entry point, runs a task, says what there is."""

import json
from importlib.metadata import entry_points

import pytest
from typer.testing import CliRunner

from appkit import AppkitError
from eval.command import TASKS, app
from eval.tasks.bfcl_data import fetch_bfcl


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_the_command_line_finds_it() -> None:
    (point,) = entry_points(group="appkit.commands", name="eval")
    assert point.load() is app


def test_tasks_are_listed() -> None:
    status, output = run("list")
    assert status == 0
    assert [line.split()[0] for line in output.splitlines()] == list(TASKS)


@pytest.mark.parametrize("arguments", [("run",), ("run", "nothing"), ("run", "bfcl", "--limit", "0")])
def test_wrong_usage_is_refused(arguments: tuple[str, ...]) -> None:
    status, output = run(*arguments)
    assert status == 2
    assert "nothing" not in arguments or "bfcl" in output


def test_a_report_as_a_page_and_as_json() -> None:
    try:
        fetch_bfcl()
    except AppkitError as error:
        pytest.skip(str(error))
    arguments = ("run", "bfcl", "--limit", "2", "--model", "scripted:I cannot say.")
    status, page = run(*arguments)
    assert (status, "| irrelevance | 2 | 2 |" in page) == (0, True)
    status, text = run(*arguments, "--json")
    report = json.loads(text)
    assert len(report["outcomes"]) == 6
    assert report["summary"]["simple"]["no call"] == 2
