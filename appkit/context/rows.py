"""A section as a row of items that is cut from one end: how much is left after so many cuts, and how far one may go."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from appkit.context.compiled import ItemUse, SectionUse
from appkit.context.counting import item_tokens
from appkit.context.items import Item, Section
from appkit.llm.base import LanguageModel

SUMMARY_SHARE = 0.25  # of a section's maximum, for the summary of what it drops


@dataclass(frozen=True, kw_only=True)
class Row:
    """The cuts of one section, made by `build_row`.

    Args:
        tokens: [n] of each item.
        left: [n + 1] tokens of the items that are left after 0, 1 … n cuts; falls to 0.
        before: cuts of last time, which `summary` stands for where there is one.
        start: cuts that are made in any case: those of last time, and for the maximum.
        stop: want of room may cut as far as this and no further.
        summary: of last time, with its `summary_tokens`.
        allowance: tokens for a new summary; 0 where none is made.
    """

    section: Section
    tokens: tuple[int, ...]
    left: tuple[int, ...]
    before: int
    start: int
    stop: int
    summary: Item | None
    summary_tokens: int
    allowance: int

    @property
    def is_cut_in_front(self) -> bool:
        return self.section.overflow in ("drop_oldest", "summarise")

    def kept(self, num_cut: int) -> slice:
        """Which items are left."""
        return slice(num_cut, None) if self.is_cut_in_front else slice(0, len(self.tokens) - num_cut)

    def dropped(self, num_cut: int) -> slice:
        """Which items are not."""
        return slice(0, num_cut) if self.is_cut_in_front else slice(len(self.tokens) - num_cut, None)

    def needs_summary(self, num_cut: int) -> bool:
        """Whether more is cut than the summary of last time stands for."""
        return self.section.overflow == "summarise" and num_cut > self.before

    def num_tokens(self, num_cut: int) -> int:
        """Of what is left and the summary, old or new."""
        return self.left[num_cut] + (self.allowance if self.needs_summary(num_cut) else self.summary_tokens)

    def cut_on(self, num_cut: int, room: int) -> int:
        """Where to cut to once a cut must be made: down to a share of `room`, but never the newest item as well."""
        if not self.is_cut_in_front:
            return num_cut  # nothing stands behind it that would have to be computed anew
        wanted = _fewest_cuts(self.left, int(room * self.section.drop_to))
        return max(num_cut, min(wanted, self.stop, len(self.tokens) - 1))


def build_row(section: Section, model: LanguageModel) -> Row:
    """The row of `section`, cut as last time and to its maximum."""
    tokens = tuple(item_tokens(model, item) for item in section.items)
    is_cut_in_front = section.overflow in ("drop_oldest", "summarise")
    left = tuple(accumulate(reversed(tokens) if is_cut_in_front else tokens, initial=0))[::-1]
    stop = 0 if section.overflow == "refuse" else _most_cuts(left, section.min_tokens)
    summary = section.summary if _first_kept(section) else None
    row = Row(
        section=section,
        tokens=tokens,
        left=left,
        before=_first_kept(section) if section.overflow != "summarise" or summary is not None else 0,
        start=min(_first_kept(section), stop) if is_cut_in_front else 0,
        stop=stop,
        summary=summary,
        summary_tokens=0 if summary is None else item_tokens(model, summary),
        allowance=int(SUMMARY_SHARE * (section.max_tokens or 0)) if section.overflow == "summarise" else 0,
    )
    return _cut_to_maximum(row)


def new_summary(row: Row, num_cut: int, model: LanguageModel) -> Item:
    """The section's own summary of its first `num_cut` items, of which the summary of last time may stand for some.

    Raises:
        ValueError: it is longer than was allowed.
    """
    assert row.section.summarise is not None, row.section
    items = row.section.items[row.before : num_cut]
    summary = row.section.summarise((*([row.summary] if row.summary else []), *items), row.allowance)
    num_tokens = item_tokens(model, summary)
    if num_tokens > row.allowance:
        raise ValueError(
            f"The summary of the section {row.section.name!r} is {num_tokens:,} tokens and may have {row.allowance:,}: "
            "have `summarise` make it shorter, or raise the section's max_tokens."
        )
    return summary


def use_of(row: Row, num_cut: int, model: LanguageModel, new: Item | None = None) -> SectionUse:
    """What became of the section; `new` is the summary that was made, if one was."""
    uses = tuple(
        ItemUse(id=item.id, num_tokens=count) for item, count in zip(row.section.items, row.tokens, strict=True)
    )
    summary = new or row.summary
    return SectionUse(
        name=row.section.name,
        kept=uses[row.kept(num_cut)],
        dropped=uses[row.dropped(num_cut)],
        min_tokens=row.section.min_tokens,
        max_tokens=row.section.max_tokens,
        priority=row.section.priority,
        overflow=row.section.overflow,
        summary=summary,
        summary_tokens=0 if summary is None else item_tokens(model, summary),
    )


def _cut_to_maximum(row: Row) -> Row:
    maximum = row.section.max_tokens
    if maximum is None or row.section.overflow == "refuse" or row.num_tokens(row.start) <= maximum:
        return row
    room = maximum - row.allowance
    start = row.cut_on(max(row.start, _fewest_cuts(row.left, room)), room)
    return replace(row, start=start, stop=max(start, row.stop))


def _first_kept(section: Section) -> int:
    """Where `keep_from` is among the items; 0 where it is not."""
    return next((idx for idx, item in enumerate(section.items) if item.id == section.keep_from), 0)


def _fewest_cuts(left: Sequence[int], room: int) -> int:
    """So that no more than `room` tokens are left."""
    return bisect_left(left, -room, key=lambda tokens: -tokens)


def _most_cuts(left: Sequence[int], minimum: int) -> int:
    """So that no fewer than `minimum` tokens are left; 0 where there never were as many."""
    return max(0, bisect_right(left, -minimum, key=lambda tokens: -tokens) - 1)
