"""Workflow patterns: plain functions that do what their names say."""

import threading

import pytest

from appkit import AppkitError, CapabilityError, ScriptedModel, open_model
from appkit.reasoning import (
    Stage,
    Verdict,
    Worker,
    chain,
    label_probabilities,
    orchestrate,
    parallel,
    refine,
    reflect,
    route,
)
from tests.helpers.real_models import real_model


def test_a_gate_ends_a_chain() -> None:
    stages = [
        Stage(name="double", run=lambda n: n * 2, gate=lambda n: n < 10),
        Stage(name="add", run=lambda n: n + 1),
    ]
    assert chain(2, stages).value == 5
    refused = chain(7, stages)
    assert (refused.values, refused.refused_by, refused.is_complete) == ((14,), "double", False)
    with pytest.raises(ValueError, match="no stages"):
        chain(1, [])


def test_jobs_run_at_once_and_come_back_in_order() -> None:
    barrier = threading.Barrier(3, timeout=20)

    def job(number: int) -> int:
        barrier.wait()  # passes only where all three run at once
        return number

    assert parallel([lambda n=n: job(n) for n in range(3)]) == [0, 1, 2]  # type: ignore[misc]
    assert parallel([]) == []
    with pytest.raises(ValueError, match="max_workers is 0"):
        parallel([lambda: 1], max_workers=0)


def test_a_draft_is_revised_until_it_is_accepted_or_stays_the_same() -> None:
    found = refine("a", lambda text: Verdict(is_accepted=len(text) == 3, feedback="longer"), lambda text, _: text + "a")
    assert (found.text, found.stopped_by, len(found.rounds)) == ("aaa", "accepted", 3)
    no = Verdict(is_accepted=False, feedback="no")
    assert refine("a", lambda _: no, lambda text, _: text).stopped_by == "unchanged"
    assert refine("a", lambda _: no, lambda text, _: text + "a", max_rounds=2).stopped_by == "max_rounds"
    with pytest.raises(ValueError, match="max_rounds is 0"):
        refine("a", lambda _: no, lambda text, _: text, max_rounds=0)


def test_a_model_criticises_and_revises() -> None:
    model = ScriptedModel(["It is short.\nVerdict: revise", "A longer text.", "Good.\nVerdict: accept"])
    found = reflect(model, "Write.", "Text.")
    assert (found.text, found.is_accepted) == ("A longer text.", True)
    assert found.rounds[0].verdict.feedback == "It is short."


def test_probabilities_are_those_of_the_labels() -> None:
    model = ScriptedModel(["x"], score=lambda prompt, text: [-1.0 if text == "yes" else -2.0] * len(text))
    found = label_probabilities(model, "?", ["yes", "no"])
    assert sum(found.values()) == pytest.approx(1)
    assert found["no"] == pytest.approx(1 / (1 + 2.718281828 ** (-3 + 4)))
    with pytest.raises(ValueError, match="at least 2"):
        label_probabilities(model, "?", ["yes"])
    with pytest.raises(ValueError, match="begins"):
        label_probabilities(model, "?", ["a", "ab"])
    with pytest.raises(CapabilityError):
        label_probabilities(ScriptedModel(["x"]), "?", ["yes", "no"])


def test_a_real_model_routes() -> None:
    labels = {"billing": "invoices, payments and refunds", "technical": "errors, crashes and installation"}
    with open_model(str(real_model("smollm2-135m"))) as model:
        assert route(model, "The app crashes when I open it.", labels).label == "technical"
        found = route(model, "I was charged twice, please refund me.", labels)
    assert found.label == "billing"
    assert sum(found.probabilities.values()) == pytest.approx(1)


def test_a_task_is_divided_done_and_joined_and_a_failure_is_a_report() -> None:
    def fail(task: str) -> str:
        raise AppkitError("no network")

    model = ScriptedModel(
        ['{"parts": [{"worker": "writer", "task": "write"}, {"worker": "finder", "task": "find"}]}', "Joined."]
    )
    workers = {
        "writer": Worker(about="writes", run=lambda task: f"did {task}"),
        "finder": Worker(about="finds", run=fail),
    }
    found = orchestrate(model, "Do it all.", workers)
    assert (found.reports[0].text, found.reports[0].has_failed) == ("did write", False)
    assert found.reports[1].has_failed
    assert "no network" in found.reports[1].text
    assert found.answer == "Joined."
    with pytest.raises(ValueError, match="no workers"):
        orchestrate(model, "Do it all.", {})
