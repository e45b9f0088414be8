"""`compile_context`: the most of each section that fits, never a token too many.

How it decides. Every section is a row of items that can only be cut at one end (`rows.py`). First each is cut to its
maximum. If the whole is still too long, items go one by one in one fixed order: sections by rising priority, within a
section from the end its rule names, as far as its minimum allows. So a prompt is known by one number, how many of these
steps were taken, and the fewest that fit are wanted.

How it counts. The costs of items (`counting.py`) say where in that order the prompt begins to fit; then the prompt
itself is counted by the model, on the ids it would be shown. The difference corrects the costs, and the search goes on
between the longest prompt known not to fit and the shortest known to fit until the two are neighbours. That takes two
or three counts, and it ends whatever the costs were.

How it keeps the KV cache. Cutting the front of a history moves everything behind it. So a front that must be cut is cut
to a share of what fits (`Section.drop_to`), and `Section.keep_from` carries the cut over to the turns that follow.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from appkit.context.compiled import CompiledContext, SectionUse, section_lines
from appkit.context.items import Item, Section
from appkit.context.layout import Layout, default_layout
from appkit.context.rows import build_row, new_summary, use_of
from appkit.errors import ContextOverflowError
from appkit.llm.base import LanguageModel
from appkit.messages import Message, ToolSpec

MARGIN_ONE_IN = 10  # one token in ten of an estimated prompt is kept free: estimates are off by about as much
GUIDED_PROBES = 8  # counts that the costs lead; further ones halve the interval, so there are never many


def compile_context(
    sections: Sequence[Section],
    model: LanguageModel,
    *,
    answer_tokens: int,
    budget: int | None = None,
    tools: Sequence[ToolSpec] = (),
    layout: Layout = default_layout,
) -> CompiledContext:
    """The messages that show as much of `sections` as fits, with the token map.

    Runs nothing but the functions `summarise` of sections that must be summarised.

    Args:
        answer_tokens: kept free for the answer, at least 1.
        budget: tokens of prompt and answer together; None is all that the model holds.
        tools: shown with the messages; never dropped.
        layout: from the items kept of each section to messages.

    Raises:
        ContextOverflowError: what may not be dropped does not fit, or a section that refuses is above its maximum. The
            message has a line a section.
        ValueError: two sections of one name, a budget without room for the answer, a summary above its limit.
        CapabilityError: the model takes no tools.
    """
    budget = model.max_seq_len if budget is None else budget
    if not 1 <= answer_tokens < budget:
        raise ValueError(f"{answer_tokens=} and {budget=}: use 1 <= answer_tokens < budget.")
    names = [section.name for section in sections]
    if len(set(names)) < len(names):
        raise ValueError(f"Sections have one name each; these are called {', '.join(names)}.")
    compilation = _Compilation(sections, model, answer_tokens, budget, tools, layout)
    compilation.check_maxima()
    return compilation.run()


class _Compilation:
    """One call of `compile_context`. Holds the rows, the order of the steps and the summaries that were made.

    "Cuts" are how many items each row has lost, in the order of the sections.
    """

    def __init__(
        self,
        sections: Sequence[Section],
        model: LanguageModel,
        answer_tokens: int,
        budget: int,
        tools: Sequence[ToolSpec],
        layout: Layout,
    ) -> None:
        self._model = model
        self._tools = tuple(tools)
        self._layout = layout
        self._budget = budget
        self._answer_tokens = answer_tokens
        self._is_exact = "token_count" in model.capabilities
        room = budget - answer_tokens
        self._room = room if self._is_exact else room * MARGIN_ONE_IN // (MARGIN_ONE_IN + 1)
        self._rows = [build_row(section, model) for section in sections]
        by_priority = sorted(enumerate(self._rows), key=lambda pair: (pair[1].section.priority, -pair[0]))
        self._steps = [idx for idx, row in by_priority for _ in range(row.stop - row.start)]
        self._summaries: dict[tuple[str, int], Item] = {}

    def check_maxima(self) -> None:
        """Raise for a section that refuses to be cut and is above its maximum."""
        for row in self._rows:
            section, num_tokens = row.section, row.left[0]
            if section.overflow == "refuse" and section.max_tokens is not None and num_tokens > section.max_tokens:
                raise ContextOverflowError(
                    f"The section {section.name!r} is {num_tokens:,} tokens and may have {section.max_tokens:,}.\n"
                    f"{section_lines(self._uses(self._cuts(0), {}))}\n"
                    "Shorten it, raise its max_tokens, or give it an overflow rule.",
                    num_tokens,
                    section.max_tokens,
                )

    def run(self) -> CompiledContext:
        """The prompt after the fewest steps that fit. Each round has less room than the one before, so this ends."""
        room = self._room
        while True:
            cuts = self._cut_on(self._cuts(self._fewest_steps(room)))
            summaries = self._summarise(cuts)
            messages = self._messages(cuts, summaries)
            num_tokens = self._count(messages)
            if num_tokens <= self._room:
                return self._compiled(cuts, messages, num_tokens, summaries)
            room -= num_tokens - self._room  # a summary cost more at its seams than was set aside for it

    def _fewest_steps(self, room: int) -> int:
        """After how many steps the prompt, as counted, begins to fit. Raises ContextOverflowError."""
        estimates = self._estimates()
        too_few, enough = -1, len(estimates)  # as known so far
        correction = probes = 0
        while enough - too_few > 1:
            guess = next((n for n in range(too_few + 1, enough) if estimates[n] + correction <= room), enough - 1)
            if probes >= GUIDED_PROBES:
                guess = (too_few + enough) // 2
            num_tokens = self._count_after(guess)
            if num_tokens <= room:
                enough = guess
            else:
                too_few = guess
            correction = num_tokens - estimates[guess]
            probes += 1
        if enough == len(estimates):
            raise self._overflow(too_few)
        return enough

    def _estimates(self) -> list[int]:
        """Tokens of the sections after 0, 1 … steps, by the costs of their items."""
        cuts = self._cuts(0)
        totals = [sum(row.num_tokens(cut) for row, cut in zip(self._rows, cuts, strict=True))]
        for idx in self._steps:
            row, cut = self._rows[idx], cuts[idx]
            totals.append(totals[-1] + row.num_tokens(cut + 1) - row.num_tokens(cut))
            cuts[idx] += 1
        return totals

    def _count_after(self, num_steps: int) -> int:
        """Tokens of the prompt after so many steps, with what is set aside for summaries that are still to be made."""
        cuts = self._cuts(num_steps)
        to_come = sum(row.allowance for row, cut in zip(self._rows, cuts, strict=True) if row.needs_summary(cut))
        return self._count(self._messages(cuts, {})) + to_come

    def _cuts(self, num_steps: int) -> list[int]:
        taken = Counter(self._steps[:num_steps])
        return [row.start + taken[idx] for idx, row in enumerate(self._rows)]

    def _cut_on(self, cuts: Sequence[int]) -> list[int]:
        """The same, with fronts that had to be cut cut on to their share of what fits."""
        return [
            cut if cut == row.start else row.cut_on(cut, row.left[cut])
            for row, cut in zip(self._rows, cuts, strict=True)
        ]

    def _summarise(self, cuts: Sequence[int]) -> dict[str, Item]:
        """New summaries by section, each made once for a cut."""
        made: dict[str, Item] = {}
        for row, cut in zip(self._rows, cuts, strict=True):
            if row.needs_summary(cut):
                key = (row.section.name, cut)
                if key not in self._summaries:
                    self._summaries[key] = new_summary(row, cut, self._model)
                made[row.section.name] = self._summaries[key]
        return made

    def _messages(self, cuts: Sequence[int], summaries: Mapping[str, Item]) -> tuple[Message, ...]:
        kept: dict[str, tuple[Item, ...]] = {}
        for row, cut in zip(self._rows, cuts, strict=True):
            summary = summaries.get(row.section.name) if row.needs_summary(cut) else row.summary
            kept[row.section.name] = (*([summary] if summary else []), *row.section.items[row.kept(cut)])
        return tuple(self._layout(kept))

    def _count(self, messages: Sequence[Message]) -> int:
        return self._model.count_tokens(messages, tools=self._tools)

    def _compiled(
        self, cuts: Sequence[int], messages: tuple[Message, ...], num_tokens: int, summaries: Mapping[str, Item]
    ) -> CompiledContext:
        return CompiledContext(
            messages=messages,
            num_tokens=num_tokens,
            budget=self._budget,
            answer_tokens=self._answer_tokens,
            margin_tokens=0 if self._is_exact else -(-num_tokens // MARGIN_ONE_IN),
            is_exact=self._is_exact,
            tool_tokens=num_tokens - self._model.count_tokens(messages) if self._tools else 0,
            sections=self._uses(cuts, summaries),
            tools=self._tools,
        )

    def _uses(self, cuts: Sequence[int], summaries: Mapping[str, Item]) -> tuple[SectionUse, ...]:
        return tuple(
            use_of(row, cut, self._model, summaries.get(row.section.name))
            for row, cut in zip(self._rows, cuts, strict=True)
        )

    def _overflow(self, num_steps: int) -> ContextOverflowError:
        """Why the prompt does not fit after every step there is."""
        num_tokens, uses = self._count_after(num_steps), self._uses(self._cuts(num_steps), {})
        rest = num_tokens - sum(use.num_tokens for use in uses)  # a summary that is to be made is among it
        ways_out = [f"shorten {max(uses, key=lambda use: use.num_tokens).name}"] if uses else []
        ways_out += ["lower a minimum"] if any(use.min_tokens for use in uses) else []
        ways_out += ["keep less free for the answer", "or use a model with a longer context"]
        margin = "" if self._is_exact else f" and a margin of one token in {MARGIN_ONE_IN}, as its counts are estimates"
        return ContextOverflowError(
            f"The prompt is at least {num_tokens:,} tokens and there is room for {self._room:,}: {self._model.name} is "
            f"given {self._budget:,}, less {self._answer_tokens:,} for the answer{margin}. What stays:\n"
            f"{section_lines(uses)}\ntemplate and all else: {rest:,} tokens.\n"
            f"To make it fit, {', '.join(ways_out)}.",
            num_tokens,
            self._room,
        )
