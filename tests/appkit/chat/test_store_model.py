"""Whatever is done to a store, in whatever order, it says what a plain list of texts says."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from appkit import ConversationStore, Message

texts = st.lists(st.sampled_from(["a", "b", "c d", "对 话"]), min_size=1, max_size=3)


class StoreMachine(RuleBasedStateMachine):
    conversations = Bundle("conversations")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = ConversationStore(self.folder / "c.db")
        self.expected: dict[str, list[str]] = {}
        self.left: dict[str, set[tuple[str, ...]]] = {}  # lines that were gone back from

    @rule(target=conversations, said=texts)
    def create(self, said: list[str]) -> str:
        talk = self.store.create(model="m", messages=[Message(role="user", content=text) for text in said])
        self.expected[talk.id], self.left[talk.id] = list(said), set()
        return talk.id

    @rule(talk=conversations, said=texts)
    def append(self, talk: str, said: list[str]) -> None:
        self.store.append(talk, [Message(role="user", content=text) for text in said])
        self.expected[talk] += said

    @rule(talk=conversations, said=texts, data=st.data())
    def edit(self, talk: str, said: list[str], data: st.DataObject) -> None:
        keep = data.draw(st.integers(0, len(self.expected[talk])))
        self.store.append(talk, [Message(role="user", content=text) for text in said], keep=keep)
        self.left[talk].add(tuple(self.expected[talk]))
        self.expected[talk] = self.expected[talk][:keep] + said

    @rule(talk=conversations, data=st.data())
    def truncate(self, talk: str, data: st.DataObject) -> None:
        keep = data.draw(st.integers(0, len(self.expected[talk])))
        self.store.truncate(talk, keep)
        self.left[talk].add(tuple(self.expected[talk]))
        self.expected[talk] = self.expected[talk][:keep]

    @rule(target=conversations, talk=conversations, data=st.data())
    def fork(self, talk: str, data: st.DataObject) -> str:
        keep = data.draw(st.integers(0, len(self.expected[talk])))
        forked = self.store.fork(talk, keep)
        self.expected[forked.id], self.left[forked.id] = self.expected[talk][:keep], set()
        return forked.id

    @rule(talk=consumes(conversations))
    def delete(self, talk: str) -> None:
        self.store.delete(talk)
        del self.expected[talk], self.left[talk]

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = ConversationStore(self.folder / "c.db")

    @invariant()
    def every_conversation_says_what_was_said(self) -> None:
        assert {talk.id: talk.num_messages for talk in self.store.list(limit=1000)} == {
            talk: len(said) for talk, said in self.expected.items()
        }
        for talk, said in self.expected.items():
            assert [message.content for message in self.store.messages(talk)] == said

    @invariant()
    def nothing_that_was_left_is_lost(self) -> None:
        for talk, left in self.left.items():
            ends = [tuple(self.expected[talk])]
            fork = None
            for branch in self.store.branches(talk):
                fork = self.store.fork(talk, expected_head=branch.head)
                ends.append(tuple(message.content for message in self.store.messages(fork.id)))
                self.store.delete(fork.id)
            for line in left:
                assert any(end[: len(line)] == line for end in ends), (line, ends)

    @invariant()
    def only_what_is_needed_is_stored_and_once(self) -> None:
        db = self.store._db
        prefixes = set()
        for talk, said in self.expected.items():
            for line in (said, *self.left[talk]):
                prefixes |= {tuple(line[: n + 1]) for n in range(len(line))}
        assert db.execute("SELECT count(*) FROM nodes").fetchone()[0] == len(prefixes)
        needed = {text for line in prefixes for text in line}
        assert db.execute("SELECT count(*) FROM bodies").fetchone()[0] == len(needed)
        indexed = {row[0] for row in db.execute("SELECT id FROM node_words_docsize")}
        assert indexed == {row[0] for row in db.execute("SELECT node_id FROM nodes")}
        db.execute("INSERT INTO node_words (node_words) VALUES ('integrity-check')")

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)


TestStore = StoreMachine.TestCase
TestStore.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
