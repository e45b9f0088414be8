"""The trace of a run: what was asked, every step in its ids, every call, and how it ended."""

from pathlib import Path

from appkit import GenerationSettings, Limits, TraceWriter, read_trace
from tests.helpers.agents import Counted, call, scripted_agent


def test_a_trace_tells_the_whole_run(tmp_path: Path) -> None:
    agent = scripted_agent(
        [call("note", {"value": "1"}), "done"],
        [Counted().tool("note")],
        limits=Limits(steps=3),
        settings=GenerationSettings(seed=5),
    )
    result = agent.run("go", trace=tmp_path / "run.jsonl")
    trace = read_trace(tmp_path / "run.jsonl")
    assert [record.kind for record in trace.records] == ["run", "step", "tool", "step", "finished"]
    run, step, tool, last, finished = (record.data for record in trace.records)
    assert (run["task"], run["model"], run["limits"]["steps"], run["seed"]) == ("go", "scripted", 3, 5)
    assert run["tools"][0]["name"] == "note"
    assert step["calls"] == [{"id": "call_1", "name": "note", "arguments": {"value": "1"}}]
    assert tuple(last["prompt_ids"]) == result.steps[1].prompt_ids
    assert tuple(last["token_ids"]) == result.steps[1].token_ids
    assert last["settings"]["seed"] == result.steps[1].seed
    assert (tool["text"], tool["is_error"]) == ("got 1", False)
    assert (finished["stopped_because"], finished["text"]) == ("answered", "done")


def test_a_sub_agent_writes_into_the_same_trace_under_its_name(tmp_path: Path) -> None:
    sub = scripted_agent(["blue"], name="helper")
    agent = scripted_agent([call("helper", {"task": "look"}), "done"], [sub.as_tool()])
    agent.run("go", trace=tmp_path / "run.jsonl")
    names = [(record.kind, record.data["agent"]) for record in read_trace(tmp_path / "run.jsonl").records]
    assert names == [
        ("run", "agent"),
        ("step", "agent"),
        ("run", "helper"),
        ("step", "helper"),
        ("finished", "helper"),
        ("tool", "agent"),
        ("step", "agent"),
        ("finished", "agent"),
    ]


def test_a_writer_that_was_given_stays_open(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "run.jsonl") as writer:
        scripted_agent(["one"]).run("go", trace=writer)
        scripted_agent(["two"]).run("go", trace=writer)
    assert len(read_trace(tmp_path / "run.jsonl").of_kind("finished")) == 2


def test_a_run_that_is_left_keeps_what_it_wrote(tmp_path: Path) -> None:
    with scripted_agent(["one"]).stream("go", trace=tmp_path / "run.jsonl") as stream:
        next(iter(stream))
    assert [record.kind for record in read_trace(tmp_path / "run.jsonl").records] == ["run"]
