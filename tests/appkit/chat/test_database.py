"""What happens to the file: damage, other programs' files, newer versions, full disks, many processes, sudden death."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from appkit import ConversationStore, Message
from appkit.errors import ConversationError, StoreDamagedError, StoreVersionError
from tests.helpers.unprivileged import public_folder, unprivileged

TEXTS = [f"message {n}: " + "words that are said once " * 3 + str(n) for n in range(20)]


def filled(path: Path) -> str:
    with ConversationStore(path) as store:
        messages = [Message(role="user", content=text, token_ids=tuple(range(200, 260))) for text in TEXTS]
        return store.create(model="m", messages=messages).id


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    filled(path)
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 7")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StoreVersionError, match=r"has format 7; this build reads format 1. Use a newer") as caught:
        ConversationStore(path)
    assert (caught.value.version, caught.value.path) == (7, path)
    assert path.read_bytes() == before


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    text, database = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("my notes")
    db = sqlite3.connect(database)
    db.execute("CREATE TABLE mine (x)")
    db.commit()
    db.close()
    before = database.read_bytes()
    with pytest.raises(ConversationError, match=r"notes.txt is not a conversation store"):
        ConversationStore(text)
    with pytest.raises(ConversationError, match="a database of another program"):
        ConversationStore(database)
    with pytest.raises(ConversationError, match="is a folder"):
        ConversationStore(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConversationError, match="pipe is no ordinary file"):
        ConversationStore(tmp_path / "pipe")
    (tmp_path / "pipe").unlink()
    assert (text.read_text(), database.read_bytes()) == ("my notes", before)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt", "other.db"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE bodies SET text = 'other words' WHERE body_id = 4", "message 4 is not"),
        ("UPDATE bodies SET text = x'00ff' WHERE body_id = 4", "does not inflate"),
        ("UPDATE bodies SET role = 2 WHERE body_id = 4", "message 4 is not"),
        ("UPDATE bodies SET role = 'x' WHERE body_id = 4", "role 'x'"),
        ("UPDATE bodies SET extra = '[[[' WHERE body_id = 4", "tool calls cannot be read"),
        ("UPDATE nodes SET ids = x'01' WHERE node_id = 4", "message 4 is not"),
        ("UPDATE nodes SET ids = 5 WHERE node_id = 4", "are no bytes"),
        ("UPDATE nodes SET parent_id = 20 WHERE node_id = 4", "has lost those before it"),
        ("UPDATE nodes SET parent_id = 4 WHERE node_id = 4", "has lost those before it"),
        ("UPDATE nodes SET body_id = 5 WHERE node_id = 4", "message 4 is not"),
        ("DELETE FROM nodes WHERE node_id = 4", "has lost those before it"),
        ("DELETE FROM bodies WHERE body_id = 4", "damaged"),
    ],
)
def test_a_changed_message_is_noticed(tmp_path: Path, change: str, says: str) -> None:
    path = tmp_path / "c.db"
    conversation_id = filled(path)
    db = sqlite3.connect(path)
    db.execute(change)
    db.commit()
    db.close()
    with ConversationStore(path) as store, pytest.raises(StoreDamagedError, match=says):
        store.messages(conversation_id)


def test_flipped_bytes_never_change_what_is_read(tmp_path: Path) -> None:
    """Wherever a byte is flipped, messages come back as they were, or an error says that they do not."""
    whole = tmp_path / "whole.db"
    conversation_id = filled(whole)
    with ConversationStore(whole) as store:
        expected = store.messages(conversation_id)
        ids = [message.token_ids for message in expected]
    content = whole.read_bytes()
    outcomes = set()
    for offset in range(0, len(content), len(content) // 150):
        path = tmp_path / "flipped.db"
        path.write_bytes(content[:offset] + bytes([content[offset] ^ 0x55]) + content[offset + 1 :])
        try:
            with ConversationStore(path) as store:
                read = store.messages(conversation_id)
                assert read == expected, offset
                assert [message.token_ids for message in read] == ids, offset
            outcomes.add("same")
        except ConversationError:
            outcomes.add("refused")
        for left in tmp_path.glob("flipped.db*"):
            left.unlink()
    assert outcomes == {"same", "refused"}


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "c.db"
    conversation_id = filled(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ConversationError), ConversationStore(path) as store:
        store.messages(conversation_id)


def test_a_text_that_inflates_without_end_is_refused(tmp_path: Path) -> None:
    import zlib

    path = tmp_path / "c.db"
    conversation_id = filled(path)
    db = sqlite3.connect(path)
    db.execute("UPDATE bodies SET text = ? WHERE body_id = 1", (zlib.compress(bytes(64 << 20)),))
    db.commit()
    db.close()
    with ConversationStore(path) as store, pytest.raises(StoreDamagedError, match="longer than 16,777,216 bytes"):
        store.messages(conversation_id)


def test_a_folder_that_cannot_be_written_is_named() -> None:
    with public_folder() as folder, unprivileged(), pytest.raises(ConversationError, match="cannot be opened"):
        ConversationStore(folder / "c.db")


def test_a_file_that_cannot_be_written_can_not_be_changed() -> None:
    with public_folder() as folder:
        filled(folder / "c.db")
        (folder / "c.db").chmod(0o644)
        with unprivileged(), pytest.raises(ConversationError, match=r"read-only|cannot be"):
            ConversationStore(folder / "c.db").create(model="m")


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    conversation_id = filled(path)
    with ConversationStore(path) as store:
        before = store.get(conversation_id)
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, limits[1]))
        try:
            with pytest.raises(ConversationError, match=r"disk is full|could not be"):
                for n in range(100):  # noise does not deflate
                    noise = os.urandom(50_000).hex()
                    store.append(conversation_id, [Message(role="user", content=f"{n} {noise}")])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, old)
        kept = store.get(conversation_id)
        assert len(store.messages(conversation_id)) == kept.num_messages >= before.num_messages
        store.append(conversation_id, [Message(role="user", content="room again")])
        assert store.messages(conversation_id)[-1].content == "room again"


WRITER = """
import sys
from pathlib import Path
from appkit import ConversationStore, Message
store = ConversationStore(Path(sys.argv[1]))
for n in range(int(sys.argv[4])):
    pair = [Message(role=r, content=f"{sys.argv[3]} {n} {r}", token_ids=(n,)) for r in ("user", "assistant")]
    store.append(sys.argv[2], pair)
    print(n, flush=True)
"""


def write_in_another_process(path: Path, conversation_id: str, name: str, count: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), conversation_id, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with ConversationStore(path) as store:
        talk = store.create(model="m")
    writers = [write_in_another_process(path, talk.id, name, 25) for name in ("A", "B", "C")]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    with ConversationStore(path) as store:
        said = [message.content for message in store.messages(talk.id)]
    assert sorted(said) == sorted(f"{w} {n} {r}" for w in "ABC" for n in range(25) for r in ("user", "assistant"))
    for question, answer in zip(said[::2], said[1::2], strict=True):  # no turn is torn apart
        assert question.removesuffix("user") == answer.removesuffix("assistant")


def test_processes_that_begin_a_store_at_once_share_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from appkit import ConversationStore\n"
        "ConversationStore(Path(sys.argv[1])).create(model='m')"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "c.db")]
    starters = [subprocess.Popen(command) for _ in range(6)]
    assert [starter.wait(120) for starter in starters] == [0] * 6
    with ConversationStore(tmp_path / "c.db") as store:
        assert len(store.list()) == 6


def test_a_writer_that_is_killed_leaves_whole_turns_and_every_one_it_finished(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with ConversationStore(path) as store:
        talk = store.create(model="m")
    for delay_s in (0.0, 0.05, 0.11):
        writer = write_in_another_process(path, talk.id, f"after {delay_s}", 100_000)
        assert writer.stdout is not None
        finished = int(writer.stdout.readline())
        time.sleep(delay_s)
        writer.kill()
        rest = writer.stdout.read().split()
        writer.stdout.close()
        writer.wait()
        finished = int(rest[-1]) if rest else finished
        with ConversationStore(path) as store:
            said = [m.content for m in store.messages(talk.id) if m.content.startswith(f"after {delay_s} ")]
            assert len(said) % 2 == 0
            assert len(said) >= 2 * (finished + 1)
            assert store._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            store._db.execute("INSERT INTO node_words (node_words) VALUES ('integrity-check')")


def test_a_process_that_writes_without_end_is_named_and_readers_do_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appkit.chat.database.BUSY_TIMEOUT_S", 0.1)
    conversation_id = filled(tmp_path / "c.db")
    other = sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ConversationStore(tmp_path / "c.db") as store:
        with pytest.raises(ConversationError, match="in use by another process"):
            store.rename(conversation_id, "x")
        assert len(store.messages(conversation_id)) == len(TEXTS)
        other.execute("ROLLBACK")
        assert store.rename(conversation_id, "x").title == "x"
    other.close()


def test_a_store_can_be_copied_while_it_is_closed(tmp_path: Path) -> None:
    conversation_id = filled(tmp_path / "c.db")
    shutil.copy(tmp_path / "c.db", tmp_path / "copy.db")
    with ConversationStore(tmp_path / "copy.db") as store:
        assert len(store.messages(conversation_id)) == len(TEXTS)


def test_opening_warns_of_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        filled(tmp_path / "c.db")
