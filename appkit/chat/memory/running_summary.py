"""`RunningSummary`: a few sentences in the place of the turns that are not shown any more."""

import warnings
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from appkit.chat.memory.base import Memory
from appkit.chat.memory.showing import Showing
from appkit.chat.memory.wording import SUMMARY
from appkit.chat.store import ConversationNotice
from appkit.context import Item, Section, item_tokens
from appkit.llm.base import GenerationSettings
from appkit.messages import Message
from appkit.templates import load_prompt

NOTE = "summary"  # kind of the note that holds one
_SPARE_TOKENS = 16  # for the words around a summary, and for tokens that part otherwise when read again


@dataclass(frozen=True, kw_only=True)
class RunningSummary(Memory):
    """Sums up turns when they are left out, and shows that in the system message from then on.

    The summary is asked for on a branch: neither the wish nor the answer enters the conversation, and its keys and
    values stay where they are. The summary is kept beside the messages it is about, so forks share it, and an `undo`
    past them takes it back.

    Args:
        max_tokens: of a summary.
        on_prefix: False gives the model the turns as a text to sum up, which small models need. True asks for the
            summary as the next message after these turns, whose keys and values the model still has: nothing is read
            again, but models of a few hundred million parameters answer such a wish with nonsense.
        prompt: name of the wish; "" is the one that comes with the package, in the language of the conversation.
    """

    stage: ClassVar[int] = 1
    max_tokens: int = 160
    on_prefix: bool = False
    prompt: str = ""

    def __post_init__(self) -> None:
        if self.max_tokens < 16:
            raise ValueError(f"max_tokens is {self.max_tokens}; a summary needs at least 16.")

    def arrange(self, showing: Showing) -> Showing:
        """Shows the summary there is, makes one of turns that others have left out, and of those that will not fit."""
        covered, summary = self._known(showing)
        if showing.first_shown > covered:  # a window has moved on
            turns = showing.history.items[covered : showing.first_shown]
            summary = self._sum_up(showing, summary, turns, _room(showing) // 4)
            covered = showing.first_shown
        history = replace(
            showing.history,
            overflow="summarise",
            max_tokens=_room(showing),
            summarise=lambda items, limit: self._replace(showing, items, limit),
            keep_from=showing.history.items[covered].id if summary else None,
            summary=summary if summary and summary.text else None,
        )
        return replace(showing, history=history)

    def _known(self, showing: Showing) -> tuple[int, Item | None]:
        """How many turns the newest summary is about, and the summary."""
        note = showing.notes.newest(NOTE, showing.messages_before(len(showing.history.items)))
        covered = showing.turn_at(note[0]) if note else 0
        if note is None or covered >= len(showing.history.items):
            return 0, None
        return covered, _item(note[1], showing)

    def _replace(self, showing: Showing, items: Sequence[Item], limit: int) -> Item:
        """For `Section.summarise`: the earlier summary, where there is one, is the first item."""
        earlier = items[0] if items and items[0].id == NOTE else None
        return self._sum_up(showing, earlier, items[1:] if earlier else items, limit)

    def _sum_up(self, showing: Showing, earlier: Item | None, turns: Sequence[Item], limit: int) -> Item:
        """One summary of an earlier one and of turns, in as many steps as the model needs to read them all."""
        summary, rest = earlier or _item("", showing), list(turns)
        while rest:
            num_read = self._num_readable(showing, summary, rest)
            if num_read:
                summary = self._ask(showing, summary, rest[:num_read], limit)
            else:
                num_read = 1
                warnings.warn(
                    f"{rest[0].id} is too long for {showing.model.name} to sum up, so the summary leaves it out.",
                    ConversationNotice,
                    stacklevel=2,
                )
            rest = rest[num_read:]
        return summary

    def _num_readable(self, showing: Showing, summary: Item, turns: Sequence[Item]) -> int:
        """How many of the turns fit the model together with the wish: nearly always all of them."""
        room = showing.model.max_seq_len - self.max_tokens

        def overflows(count: int) -> bool:
            return showing.model.count_tokens(self._branch(showing, summary, turns[:count])) >= room

        return bisect_left(range(1, len(turns) + 1), True, key=overflows)

    def _ask(self, showing: Showing, summary: Item, turns: Sequence[Item], limit: int) -> Item:
        words_around = item_tokens(showing.model, _item("", showing)) + _SPARE_TOKENS
        settings = GenerationSettings(temperature=0.0, max_tokens=max(1, min(self.max_tokens, limit - words_around)))
        said = showing.model.chat(self._branch(showing, summary, turns), settings)
        text = " ".join(said.text.split())
        while text and item_tokens(showing.model, _item(text, showing)) > limit:
            text = text[: len(text) * 9 // 10]  # read again, a text may have a few more tokens than it was said in
        last = showing.history.items.index(turns[-1])
        showing.notes.put(NOTE, text, showing.messages_before(last + 1))
        return _item(text, showing)

    def _branch(self, showing: Showing, summary: Item, turns: Sequence[Item]) -> Sequence[Message]:
        """What the model is asked."""
        name = "chat/summary_above" if self.on_prefix else "chat/summary"
        prompt = load_prompt(self.prompt or f"{name}.{showing.language}")
        if not self.on_prefix:
            said = [{"role": m.role, "content": m.content} for turn in turns for m in turn.messages if m.content]
            return prompt.render(messages=said, summary=_text(summary))
        # The prompt as it was when these turns were shown last, with the wish in the place of the next question.
        items = (*([summary] if summary.text else []), *turns)
        wish = Message(role="user", content=prompt.text())
        shown = replace(showing, history=Section(name="history", items=items), question=wish)
        return shown.layout({section.name: section.items for section in shown.sections()})


def _item(text: str, showing: Showing) -> Item:
    return Item(id=NOTE, text=SUMMARY[showing.language].format(text=text) if text else "")


def _text(summary: Item) -> str:
    """A summary without the words put in front of it."""
    for words in SUMMARY.values():
        start = words.removesuffix("{text}")
        if summary.text.startswith(start):
            return summary.text.removeprefix(start)
    return summary.text


def _room(showing: Showing) -> int:
    """What is left for the history."""
    others = (item for section in showing.sections() if section.name != "history" for item in section.items)
    used = sum(item_tokens(showing.model, item) for item in others)
    return max(1, showing.budget - showing.answer_tokens - used)
