"""`appkit logs` on a store that holds what people and models write, and worse."""

import json
import re
from pathlib import Path

import pytest

from appkit.chat import Conversation, ConversationStore
from appkit.cli import logs_report
from appkit.messages import Message, ToolCall
from tests.appkit.cli.command import CommandHere, one_sentence

HOSTILE = "see \x1b]0;owned\x07\x1b[2J\x9b31m\u202e`x`"


@pytest.fixture
def kept(tmp_path: Path) -> list[Conversation]:
    """Three conversations in the default store of `tmp_path`, the oldest first."""
    with ConversationStore(tmp_path / "conversations.db") as store:
        call = ToolCall(name="look", arguments={"at": "\x1b[1m"}, id="1")
        return [
            store.create(
                model="m1", title="天空为什么是蓝色的", messages=_turn("天空为什么是蓝色的？", "**瑞利**散射")
            ),
            store.create(model="m2", title=f"bad {HOSTILE}", messages=_turn(HOSTILE, HOSTILE)),
            store.create(
                model="m3",
                system="Be kind.",
                messages=[
                    *_turn("plain", "answer"),
                    Message(role="assistant", content="", tool_calls=(call,)),
                    Message(role="tool", content="seen", name="look", tool_call_id="1"),
                ],
            ),
        ]


def _turn(question: str, answer: str) -> list[Message]:
    said = Message(role="assistant", content=answer, token_ids=(7, 8))
    return [Message(role="user", content=question), said]


def test_list_gives_fields_to_programs(kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere) -> None:
    lines = appkit_here("logs", "list", home=tmp_path).stdout.splitlines()
    rows = [line.split("\t") for line in lines]
    assert [row[0] for row in rows] == [found.id for found in reversed(kept)]
    assert rows[2][2:] == ["2", "m1", "天空为什么是蓝色的"]
    assert rows[0][2:] == ["4", "m3", "(untitled)"]
    assert len(appkit_here("logs", "list", "-n", "1", home=tmp_path).stdout.splitlines()) == 1


def test_list_aligns_chinese_for_people(
    kept: list[Conversation], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "70")
    logs_report.print_conversations(kept)
    head, chinese, *_ = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"ID +Last used +Messages +Model +Title", head)
    assert chinese[head.index("Title") :] == "天空为什么是蓝色的"


@pytest.mark.parametrize("command", [["list"], ["show", "ID"], ["show", "ID", "--markdown"], ["search", "see"],
                                     ["list", "--json"], ["show", "ID", "--json"], ["export", "ID"],
                                     ["search", "see", "--json"]])  # fmt: skip
def test_no_form_sends_a_terminal_what_it_obeys(
    command: list[str], kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere
) -> None:
    words = [kept[1].id if word == "ID" else word for word in command]
    out = appkit_here("logs", *words, home=tmp_path).stdout
    assert "2J" in out or command[0] == "search"
    assert "x" in out
    assert not set(out) & set("\x1b\x07\x9b\u202e")


def test_show_says_who_said_what(kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere) -> None:
    out = appkit_here("logs", "show", kept[2].id[:6], home=tmp_path).stdout
    about, *parts = out.rstrip("\n").split("\n\n")
    assert about.startswith(f"{kept[2].id}  (untitled)  (m3, ")
    assert parts == [
        "System: Be kind.",
        "You: plain",
        "Model: answer",
        r'Model: look({"at": "\u001b[1m"})',
        "Tool: seen",
    ]


def test_show_json_has_messages_as_they_were_written(
    kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere
) -> None:
    shown = json.loads(appkit_here("logs", "show", kept[1].id, "--json", home=tmp_path).stdout)
    assert shown["messages"][1] == {"role": "assistant", "content": HOSTILE, "token_ids": [7, 8]}
    assert list(shown) == ["id", "title", "model", "system", "created", "updated", "num_messages", "messages"]


def test_show_markdown_keeps_the_markdown_of_the_answer(
    kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere
) -> None:
    out = appkit_here("logs", "show", kept[0].id, "--markdown", home=tmp_path, LANG="zh_CN.UTF-8").stdout
    assert out == "# 天空为什么是蓝色的\n\n## 我\n\n天空为什么是蓝色的？\n\n## 模型\n\n**瑞利**散射\n"


def test_search_finds_chinese_and_says_where(
    kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere
) -> None:
    out = appkit_here("logs", "search", "天空", home=tmp_path).stdout
    assert out.splitlines()[0].startswith(kept[0].id)
    assert out.splitlines()[1] == "    You: 天空为什么是蓝色的？"
    (hit,) = map(json.loads, appkit_here("logs", "search", "天空", "--json", home=tmp_path).stdout.splitlines())
    assert (hit["id"], hit["position"], hit["role"], hit["is_on_trunk"]) == (kept[0].id, 0, "user", True)


def test_search_without_a_hit_is_status_one(kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("logs", "search", "nowhere", home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "No message was found.\n")


def test_rename_is_seen_in_the_list(kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere) -> None:
    assert appkit_here("logs", "rename", kept[2].id, "新的 title", home=tmp_path).returncode == 0
    assert "新的 title" in appkit_here("logs", "list", home=tmp_path).stdout


@pytest.mark.parametrize(
    ("options", "answer", "is_gone"), [([], "n\n", False), ([], "", False), ([], "y\n", True), (["--yes"], "", True)]
)
def test_rm_asks(
    options: list[str], answer: str, is_gone: bool, kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere
) -> None:
    done = appkit_here("logs", "rm", kept[0].id, *options, home=tmp_path, stdin=answer)
    assert done.returncode == (0 if is_gone else 1)
    assert (kept[0].id not in appkit_here("logs", "list", home=tmp_path).stdout) == is_gone


def test_export_and_import_make_a_second_conversation(
    kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere
) -> None:
    file = tmp_path / "talk.jsonl"
    assert appkit_here("logs", "export", kept[2].id, str(file), home=tmp_path).returncode == 0
    piped = appkit_here("logs", "export", kept[2].id, "-", home=tmp_path).stdout
    assert [*map(json.loads, piped.splitlines())] == [*map(json.loads, file.read_text().splitlines())]
    new = appkit_here("logs", "import", str(file), home=tmp_path).stdout.strip()
    assert new != kept[2].id
    newer = appkit_here("logs", "import", "-", home=tmp_path, stdin=piped).stdout.strip()
    with ConversationStore(tmp_path / "conversations.db") as store:
        assert store.messages(newer) == store.messages(new) == store.messages(kept[2].id)


def test_export_writes_over_nothing(kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere) -> None:
    file = tmp_path / "mine.jsonl"
    file.write_text("mine")
    assert "mine.jsonl is there already" in one_sentence(
        appkit_here("logs", "export", kept[0].id, str(file), home=tmp_path)
    )
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    "content", ["", "{}\n", '{"conversation": 99}\n', '{"conversation": 1, "model": "m"}\n{"role": 1}\n']
)
def test_a_file_that_is_no_conversation_is_one_sentence(content: str, tmp_path: Path, appkit_here: CommandHere) -> None:
    file = tmp_path / "talk.jsonl"
    file.write_text(content)
    assert "talk.jsonl" in one_sentence(appkit_here("logs", "import", str(file), home=tmp_path))


def test_an_unknown_id_names_near_ones(kept: list[Conversation], tmp_path: Path, appkit_here: CommandHere) -> None:
    assert kept[0].id in one_sentence(appkit_here("logs", "show", "nonsense", home=tmp_path))


def test_an_empty_store_says_how_to_begin(tmp_path: Path, appkit_here: CommandHere) -> None:
    done = appkit_here("logs", "list", home=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "appkit chat" in done.stderr
