"""What a person, or an option, says to a call that waits."""

import io

import pytest

from appkit.agents.state import AgentState, OpenCall
from appkit.cli.agent_approval import ask_approvals, read_approvals, read_arguments, shown, waiting_calls
from appkit.messages import Message, ToolCall
from appkit.tools import ToolResult, tool

WRITE = ToolCall(name="write", arguments={"path": "notes.txt", "lines": ["a", "b"]}, id="c1")
SEND = ToolCall(name="send", arguments={}, id="c2")


def ask(monkeypatch: pytest.MonkeyPatch, typed: str, *calls: ToolCall) -> object:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return ask_approvals(calls)


@pytest.mark.parametrize(
    ("typed", "approvals"),
    [
        ("y\nn\n", {"c1": True, "c2": False}),
        ("YES\n  no \n", {"c1": True, "c2": False}),
        ("是\n否\n", {"c1": True, "c2": False}),
        ("what?\n\ny\nmaybe\nn\n", {"c1": True, "c2": False}),  # asked again until it is clear
        ("y\n", None),  # left: also the first is not decided
        ("", None),
    ],
    ids=["letters", "words", "chinese", "again", "left-half-way", "left"],
)
def test_each_call_is_asked_about(
    monkeypatch: pytest.MonkeyPatch, typed: str, approvals: dict[str, bool] | None
) -> None:
    assert ask(monkeypatch, typed, WRITE, SEND) == approvals


def test_a_person_sees_every_argument_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ToolCall(name="write", arguments={"text": "x" * 5000, "n": 1}, id="c1")
    ask(monkeypatch, "n\n", call)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == ["The model wants to call write (c1):", f'    text: "{"x" * 5000}"', "    n: 1"]


def test_characters_that_nobody_sees_are_shown_as_escapes() -> None:
    call = ToolCall(name="w\x1b[2J", arguments={"to\u202e": "me\u200b\x1b]0;\x07"}, id="c\n1")
    lines = shown(call)
    assert lines[1] == r'    "to\u202e": "me\u200b\u001b]0;\u0007"'
    assert all(line.isprintable() for line in lines)


def test_a_call_without_arguments_says_so() -> None:
    assert shown(SEND)[1:] == ["    (without arguments)"]


def test_only_gated_calls_that_were_not_begun_are_to_be_decided() -> None:
    def write() -> str:
        """Write."""
        return "written"

    gated, free = tool(write, needs_approval=True), tool(write, name="free")
    waits = OpenCall(call=WRITE)
    runs = OpenCall(call=ToolCall(name="free", arguments={}, id="c3"))
    begun = OpenCall(call=ToolCall(name="write", arguments={}, id="c4"), was_started=True)
    done = OpenCall(call=ToolCall(name="write", arguments={}, id="c5"), was_started=True, result=ToolResult(text=""))
    task = Message(role="user", content="task")
    state = AgentState(
        agent="a", dialect="tools", tools={}, messages=(task,), task_start=0, open_calls=(waits, runs, begun, done)
    )
    assert waiting_calls(state, [gated, free]) == (WRITE,)


def test_options_decide_by_id() -> None:
    approvals = read_approvals([WRITE, SEND], approve=["c2"], deny=[], edit=['c1={"path": "a=b"}'])
    assert approvals == {"c1": {"path": "a=b"}, "c2": True}


def test_all_decides_what_no_other_option_names() -> None:
    assert read_approvals([WRITE, SEND], approve=["all"], deny=["c1"], edit=[]) == {"c1": False, "c2": True}
    assert read_approvals([WRITE], approve=[], deny=[], edit=[]) == {}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"approve": ["c9"]}, "No call that waits has the id c9; those that wait: c1, c2."),
        ({"approve": ["c1"], "deny": ["c1"]}, "The call c1 is decided twice"),
        ({"approve": ["all"], "deny": ["all"]}, "The call all is decided twice"),
        ({"edit": ["c1"]}, "--edit c1 names no call or no arguments"),
        ({"edit": ["c1=[1]"]}, "The arguments have to be a JSON object"),
        ({"edit": ["c1={"]}, "The arguments are not JSON: "),
    ],
    ids=["unknown", "twice", "all-twice", "no-arguments", "list", "no-json"],
)
def test_options_that_decide_nothing_are_refused(options: dict[str, list[str]], sentence: str) -> None:
    with pytest.raises(ValueError, match="^" + sentence.replace("(", r"\(")):
        read_approvals([WRITE, SEND], **{"approve": [], "deny": [], "edit": [], **options})


@pytest.mark.parametrize("typed", ["[" * 100_000, '{"a": NaN}', '{"a": 1e999}'], ids=["deep", "nan", "inf"])
def test_arguments_that_are_not_json_are_one_sentence(typed: str) -> None:
    with pytest.raises(ValueError, match="The arguments are not JSON"):
        read_arguments(typed)
