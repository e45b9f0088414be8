"""A conversation goes out as JSON Lines and comes in again; what others wrote is checked line by line."""

import io
import json
from pathlib import Path

import pytest

from appkit import ConversationStore, Message, ToolCall
from appkit.errors import ConversationError

HEAD = '{"conversation": 1, "model": "m"}\n'


@pytest.fixture
def store(tmp_path: Path):
    with ConversationStore(tmp_path / "c.db") as opened:
        yield opened


def test_a_conversation_goes_around_whole(store: ConversationStore, tmp_path: Path) -> None:
    call = ToolCall(name="weather", arguments={"city": "北京", "x": [1.5, None, True]}, id="c1")
    messages = (
        Message(role="user", content="你好 🎉\n\u2028\x85 {{ x }} \x00"),
        Message(role="assistant", content="", tool_calls=(call,), token_ids=(1, 49151)),
        Message(role="tool", content="雨", name="weather", tool_call_id="c1"),
        Message(role="assistant", content="It rains.", token_ids=(7,)),
    )
    talk = store.create(model="smollm2-135m", system="", title="标题", messages=messages)
    file = tmp_path / "talk.jsonl"
    assert store.export_jsonl(talk.id, file) == 4
    assert "你好 🎉" in file.read_text("utf-8")  # not escaped
    again = store.import_jsonl(file)
    assert again.id != talk.id
    assert (again.title, again.model, again.system) == ("标题", "smollm2-135m", "")
    assert store.messages(again.id) == messages
    assert [m.token_ids for m in store.messages(again.id)] == [m.token_ids for m in messages]


def test_an_open_file_will_do(store: ConversationStore) -> None:
    talk = store.create(model="m", messages=[Message(role="user", content="a")])
    out = io.StringIO()
    store.export_jsonl(talk.id, out)
    assert store.import_jsonl(io.StringIO("\n" + out.getvalue() + "\n\n")).num_messages == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("hello\n", r"Line 1 .*Expecting value"),
        ("[]\n", "Line 1 .*it is list, not a JSON object"),
        ('{"role": "user", "content": "a"}\n', "Line 1 .*first line must be about the conversation"),
        ('{"conversation": 2, "model": "m"}\n', "Line 1 .*format 2; this build reads format 1"),
        ('{"conversation": true, "model": "m"}\n', "Line 1 .*format True"),
        ('{"conversation": 1}\n', "Line 1 .*model is missing"),
        (
            '{"conversation": 1, "model": "m", "extra": 1}\n',
            "Line 1 .*unknown key 'extra'; known are conversation, title",
        ),
        (HEAD + '\n{"role": "user"}\n', "Line 3 .*content is missing"),
        (HEAD + '{"role": "robot", "content": ""}\n', "Line 2 .*role is 'robot'"),
        (HEAD + '{"role": "user", "content": 5}\n', "Line 2 .*content is int; it must be a text"),
        (HEAD + '{"role": "user", "content": "\\ud83d"}\n', "Line 2 .*half of a character"),
        (HEAD + '{"role": "user", "content": "", "token_ids": [1, true]}\n', "Line 2 .*token_ids holds 'True'"),
        (HEAD + '{"role": "user", "content": "", "token_ids": [-1]}\n', "Line 2 .*whole numbers from 0"),
        (HEAD + '{"role": "user", "content": "", "token_ids": 5}\n', "Line 2 .*token_ids is int; it must be a list"),
        (HEAD + '{"role": "user", "content": "", "tool_calls": [5]}\n', "Line 2 .*a tool call is int"),
        (
            HEAD + '{"role": "user", "content": "", "tool_calls": [{"name": "a"}]}\n',
            "Line 2 .*arguments of a tool call",
        ),
        (HEAD + '{"role": "user", "content": NaN}\n', "Line 2 .*NaN is no JSON"),
        (HEAD + "[" * 100_000 + "\n", "Line 2 .*nested too deeply"),
        (
            HEAD + '{"role": "user", "content": "' + "x" * (16 << 20 | 1) + '"}\n',
            "Line 2 .*content has 16,777,217 bytes",
        ),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_imported(store: ConversationStore, text: str, says: str) -> None:
    with pytest.raises(ConversationError, match=says):
        store.import_jsonl(io.StringIO(text))
    assert store.list() == []


def test_a_line_without_end_is_refused_before_it_is_read(store: ConversationStore) -> None:
    class Endless(io.StringIO):
        def readline(self, size: int | None = -1, /) -> str:
            assert size is not None
            assert 0 < size < 100 << 20
            return "x" * size

    with pytest.raises(ConversationError, match=r"Line 1 .*more than 33,554,432 characters"):
        store.import_jsonl(Endless())


def test_files_that_cannot_be_read_or_written_are_named(store: ConversationStore, tmp_path: Path) -> None:
    talk = store.create(model="m")
    with pytest.raises(ConversationError, match=r"nowhere.jsonl cannot be read: No such file"):
        store.import_jsonl(tmp_path / "nowhere.jsonl")
    with pytest.raises(ConversationError, match="cannot be written"):
        store.export_jsonl(talk.id, tmp_path / "no folder" / "a.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(HEAD.encode() + b'{"role": "user", "content": "\xe9"}')
    with pytest.raises(ConversationError, match="is not UTF-8"):
        store.import_jsonl(tmp_path / "latin.jsonl")


def test_each_line_is_an_object_that_others_can_read(store: ConversationStore) -> None:
    talk = store.create(model="m", title="t", messages=[Message(role="user", content="a")])
    out = io.StringIO()
    store.export_jsonl(talk.id, out)
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"conversation": 1, "title": "t", "model": "m", "system": None},
        {"role": "user", "content": "a"},
    ]
