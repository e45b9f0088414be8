"""`Showing`: what a turn is going to show its model, while the memory policies arrange it.

A policy takes one and gives one back. Nothing in it is cut yet: `compile_context` does that, for all sections at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal, Self

from appkit.chat.notes import Notes
from appkit.context import Item, Section, default_layout
from appkit.llm.base import LanguageModel
from appkit.messages import Message

DEFAULT_ANSWER_TOKENS = 1024


@dataclass(frozen=True, kw_only=True)
class Showing:
    """A turn before it is made to fit.

    Args:
        language: of the words that are put around what is remembered.
        budget: tokens of prompt and answer together.
        wanted_answer_tokens: of these, to be kept free for the answer; None where nobody said.
        system: the conversation's own system message; None where it leaves that to the model.
        facts: stand after the system message, in it.
        history: the section of every turn so far, with the rule by which it is cut.
        recalled: stands before the question, in its message, for this turn alone.
    """

    model: LanguageModel
    language: Literal["en", "zh"]
    budget: int
    wanted_answer_tokens: int | None
    system: str | None
    history: Section
    question: Message
    notes: Notes
    facts: tuple[Item, ...] = ()
    recalled: tuple[Item, ...] = ()

    @property
    def answer_tokens(self) -> int:
        """Kept free for the answer."""
        if self.wanted_answer_tokens is None:
            return max(1, min(DEFAULT_ANSWER_TOKENS, self.budget // 4))
        return max(1, min(self.wanted_answer_tokens, self.budget // 2))

    def sections(self) -> list[Section]:
        """For `compile_context`, in the order of `default_layout`."""
        system = () if self.system is None else (_system_item(self.system),)
        sections = [
            Section(name="system", items=system),
            Section(name="memory", items=self.facts),
            self.history,
            # Cut after the history: room was set aside for it.
            Section(name="passages", items=self.recalled, overflow="drop_last", priority=1),
            Section(name="question", items=(Item(id="question", messages=(self.question,)),)),
        ]
        return [section for section in sections if section.items or section.name == "history"]

    def layout(self, kept: Mapping[str, tuple[Item, ...]]) -> list[Message]:
        """`default_layout`, in which what is remembered follows a model's own tested system message.

        A model adds that message only where it is given none; so where something remembered makes up a system message,
        the model's own is put in front.
        """
        own = own_system_message(self.model) if self.system is None else None
        if own and any(item.text for name in ("memory", "history") for item in kept.get(name, ())):
            kept = {**kept, "system": (_system_item(own),)}
        return default_layout(kept)

    def messages_before(self, turn_idx: int) -> int:
        """How many messages the turns before this one have."""
        return [0, *accumulate(len(item.messages) for item in self.history.items)][turn_idx]

    def turn_at(self, num_messages: int) -> int:
        """Which turn, counted from 0, begins after so many messages; the one after them where none does."""
        starts = accumulate((len(item.messages) for item in self.history.items), initial=0)
        return next((idx for idx, start in enumerate(starts) if start >= num_messages), len(self.history.items))

    @property
    def first_shown(self) -> int:
        """Index of the first turn that is not left out already."""
        ids = [item.id for item in self.history.items]
        return ids.index(self.history.keep_from) if self.history.keep_from in ids else 0

    def shown_from(self, turn_idx: int) -> Self:
        """The same without the turns before `turn_idx`, and those that were left out already."""
        first = max(turn_idx, self.first_shown)
        if not 0 < first < len(self.history.items):
            return self
        return replace(self, history=replace(self.history, keep_from=self.history.items[first].id))


def own_system_message(model: LanguageModel) -> str | None:
    """The tested system message that a model is sent where there is none; None where it has none that is known."""
    own = getattr(model, "system_prompt", None)
    return own if isinstance(own, str) and own else None


def _system_item(text: str) -> Item:
    return Item(id="system", messages=(Message(role="system", content=text),))
