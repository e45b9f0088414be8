"""What a prompt is made of: sections of items, and how a history becomes items.

An item is kept or dropped as one, so what must stay together belongs into one item: a question with its answer, a tool
call with its result. A section holds items of one kind, in order, and says what may be done with them when there is too
little room.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from appkit.messages import Message

Overflow = Literal["refuse", "drop_oldest", "drop_last", "summarise"]
NEVER_DROPPED = ("system", "question")  # a model that does not see these does something else than it was asked


@dataclass(frozen=True, kw_only=True)
class Item:
    """A passage, an example, a fact, or a turn with every tool call and its result: kept or dropped as one.

    `id` is its name within its section. A layout decides where `messages` and `text` go.
    """

    id: str
    messages: tuple[Message, ...] = ()
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """Items of one kind, and what happens to them when there is too little room.

    Args:
        name: names of `default_layout`, or what the layout that is used expects.
        items: in the order they are shown. For "drop_last" the best first, for "drop_oldest" the oldest first.
        min_tokens: want of room drops nothing that would leave fewer (`item_tokens` of what stays, added up).
        max_tokens: no more than this is shown, however much room there is; it goes before the minimum where one item
            is longer. None: as much as fits.
        priority: sections of a higher priority are cut later; of two alike, the one named first.
        overflow: "refuse" raises ContextOverflowError; "drop_oldest" drops from the front, "drop_last" from the end;
            "summarise" drops from the front and puts one item in the place of what it dropped.
        drop_to: when the front must be cut, cut until the section is at most this share of what would fit, 0 to 1. What
            stands in front then stays the same for some turns, and its keys and values are found again; a cut at each
            turn would have everything behind it computed anew, each time. 1 cuts no more than it must.
        keep_from: id of the first item that was kept last time; those before it were dropped then and stay dropped.
            An id that is not among the items drops nothing: they are not those of last time.
        summarise: for "summarise": makes one item of the items given and of the earlier summary, which comes first, in
            at most so many tokens (`item_tokens`); called once for a cut.
        summary: for "summarise": what stands for the items before `keep_from`.

    Raises:
        ValueError: values out of range, or that contradict each other.
    """

    name: str
    items: tuple[Item, ...]
    min_tokens: int = 0
    max_tokens: int | None = None
    priority: int = 0
    overflow: Overflow = "refuse"
    drop_to: float = 0.75
    keep_from: str | None = None
    summarise: Callable[[Sequence[Item], int], Item] | None = None
    summary: Item | None = None

    def __post_init__(self) -> None:
        what = f"The section {self.name!r}"
        if self.overflow not in ("refuse", "drop_oldest", "drop_last", "summarise"):
            raise ValueError(f"{what}: overflow is {self.overflow!r}; use refuse, drop_oldest, drop_last, summarise.")
        if self.min_tokens < 0 or (self.max_tokens is not None and self.max_tokens < self.min_tokens):
            raise ValueError(f"{what}: {self.min_tokens=} and {self.max_tokens=}; use 0 <= minimum <= maximum.")
        if not 0 <= self.drop_to <= 1:
            raise ValueError(f"{what}: drop_to is {self.drop_to}; use a share from 0 to 1.")
        if self.name in NEVER_DROPPED and self.overflow != "refuse":
            raise ValueError(f"{what} is never dropped: leave its overflow rule at 'refuse'.")
        if (self.overflow == "summarise") != (self.summarise is not None):
            raise ValueError(f"{what}: overflow='summarise' and a function `summarise` go together.")
        if self.overflow == "summarise" and self.max_tokens is None:
            raise ValueError(f"{what}: a summary is made at the section's maximum, so give max_tokens.")
        if self.summary is not None and (self.overflow != "summarise" or self.keep_from is None):
            raise ValueError(f"{what}: a summary stands for the items before keep_from, with overflow='summarise'.")
        if twice := [item_id for item_id, count in Counter(item.id for item in self.items).items() if count > 1]:
            raise ValueError(f"{what} holds two items with the id {twice[0]!r}: ids tell items apart.")


def turns(messages: Sequence[Message]) -> tuple[Item, ...]:
    """The history as items "turn 1", "turn 2" …: a question with all that followed up to the next.

    A tool's result stays with its call even where the person spoke between the two: the turns become one. What was said
    before the first question is an item too. Ids count from the first message, so give the whole history and take the
    items you want: then a turn has the same id each time.

    Raises:
        ValueError: a system message; it would go with its turn, so it belongs into a section of its own.
    """
    for idx, message in enumerate(messages):
        if message.role == "system":
            raise ValueError(
                f"messages[{idx}] is a system message, which would be dropped with its turn: give it as an item of the "
                "section 'system'."
            )
    starts = [idx for idx, message in enumerate(messages) if message.role == "user" or idx == 0]
    joined = _inside_calls(messages)
    cuts = [start for start in starts if start not in joined]
    spans = pairwise([*cuts, len(messages)])
    return tuple(
        Item(id=f"turn {number}", messages=tuple(messages[start:stop])) for number, (start, stop) in enumerate(spans, 1)
    )


def _inside_calls(messages: Sequence[Message]) -> set[int]:
    """Indices after a tool call up to its result: no turn begins there. A call without a result holds nothing up."""
    inside: set[int] = set()
    calls: dict[str, list[int]] = defaultdict(list)  # where calls of an id were made that wait for a result
    for idx, message in enumerate(messages):
        for call in message.tool_calls:
            calls[call.id].append(idx)
        if message.role == "tool":
            waiting = calls[message.tool_call_id] or calls[""]  # small models and old templates give no ids
            if waiting:
                inside.update(range(waiting.pop() + 1, idx + 1))
    return inside
