"""A compiled prompt and its token map: what was kept, what was dropped, and where every token goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from appkit.context.items import Item, Overflow
from appkit.llm.base import LanguageModel
from appkit.messages import Message, ToolSpec

SHOWN_DROPPED = 5  # ids a table names; `to_json` has them all


@dataclass(frozen=True, kw_only=True)
class ItemUse:
    """An item by its id, and its tokens (`item_tokens`)."""

    id: str
    num_tokens: int


@dataclass(frozen=True, kw_only=True)
class SectionUse:
    """What became of a section. `summary` stands for what was dropped, where it was summarised."""

    name: str
    kept: tuple[ItemUse, ...]
    dropped: tuple[ItemUse, ...]
    min_tokens: int
    max_tokens: int | None
    priority: int
    overflow: Overflow
    summary: Item | None = None
    summary_tokens: int = 0

    @property
    def num_tokens(self) -> int:
        """Tokens of what is shown, the summary among it."""
        return self.summary_tokens + sum(item.num_tokens for item in self.kept)

    def to_json(self) -> dict[str, Any]:
        """Plain data, every item by its id."""
        return {
            "name": self.name,
            "tokens": self.num_tokens,
            "min_tokens": self.min_tokens,
            "max_tokens": self.max_tokens,
            "priority": self.priority,
            "overflow": self.overflow,
            "summary_tokens": self.summary_tokens,
            "kept": [{"id": item.id, "tokens": item.num_tokens} for item in self.kept],
            "dropped": [{"id": item.id, "tokens": item.num_tokens} for item in self.dropped],
        }


@dataclass(frozen=True, kw_only=True)
class CompiledContext:
    """What to show a model, and why it is that.

    `num_tokens` is what the model counts for `messages` with `tools`, its template included, and
    `num_tokens + answer_tokens + margin_tokens <= budget`. Where the model's counts are estimates, `is_exact` is False
    and `margin_tokens` is kept free on top; else it is 0. `tool_tokens` are those of the tools; `template_tokens` is
    what is left after the sections and the tools: a model's own system prompt, the answer's start, a layout's words.
    """

    messages: tuple[Message, ...]
    num_tokens: int
    budget: int
    answer_tokens: int
    margin_tokens: int
    is_exact: bool
    tool_tokens: int
    sections: tuple[SectionUse, ...]
    tools: tuple[ToolSpec, ...] = ()

    @property
    def template_tokens(self) -> int:
        """Of the prompt, what is neither a section's nor the tools'; may fall below 0, as costs are approximate."""
        return self.num_tokens - self.tool_tokens - sum(section.num_tokens for section in self.sections)

    @property
    def unused_tokens(self) -> int:
        """Of the budget, what nothing takes."""
        return self.budget - self.num_tokens - self.answer_tokens - self.margin_tokens

    def section(self, name: str) -> SectionUse:
        """The section called `name`. Raises KeyError."""
        for section in self.sections:
            if section.name == name:
                return section
        raise KeyError(name)

    def first_kept(self, name: str) -> str | None:
        """Id of the first item kept of a section, for `Section.keep_from` next time; None where none was kept."""
        kept = self.section(name).kept
        return kept[0].id if kept else None

    def cached_tokens(self, model: LanguageModel) -> int | None:
        """The cache plan: tokens of this prompt that `model` need not compute, were it asked now.

        None where it cannot tell. Asking changes nothing; later requests may.
        """
        count = getattr(model, "cached_tokens", None)
        return None if count is None else int(count(self.messages, tools=self.tools))

    def explain(self, model: LanguageModel | None = None) -> str:
        """The token map as a table: a line a section, then where the other tokens go.

        Args:
            model: also says what of the prompt this one has in its cache, where it can tell.
        """
        cached_tokens = None if model is None else self.cached_tokens(model)
        rows = [(section.name, section.num_tokens, _fate(section)) for section in self.sections]
        rows += [("tools", self.tool_tokens, "")] if self.tool_tokens else []
        rows += [
            ("template", self.template_tokens, ""),
            ("prompt", self.num_tokens, "" if self.is_exact else "estimated"),
        ]
        rows += [] if cached_tokens is None else [("of it new", self.num_tokens - cached_tokens, "the rest is cached")]
        rows += [("answer", self.answer_tokens, "kept free")]
        rows += [] if self.is_exact else [("margin", self.margin_tokens, "kept free, as the count is an estimate")]
        rows += [("unused", self.unused_tokens, ""), ("budget", self.budget, "")]
        width = max(len(name) for name, _, _ in rows)
        return "\n".join(f"{name:<{width}}{num_tokens:>10,}  {note}".rstrip() for name, num_tokens, note in rows)

    def to_json(self) -> dict[str, Any]:
        """The token map as plain data; the messages are left out."""
        return {
            "budget": self.budget,
            "prompt_tokens": self.num_tokens,
            "answer_tokens": self.answer_tokens,
            "margin_tokens": self.margin_tokens,
            "unused_tokens": self.unused_tokens,
            "is_exact": self.is_exact,
            "template_tokens": self.template_tokens,
            "tool_tokens": self.tool_tokens,
            "sections": [section.to_json() for section in self.sections],
        }


def section_lines(sections: Sequence[SectionUse]) -> str:
    """A sentence a section, for errors: readable also where their lines are joined into one."""
    return "\n".join(f"{section.name}: {section.num_tokens:,} tokens, {_fate(section)}." for section in sections)


def _fate(section: SectionUse) -> str:
    limits = [f"min {section.min_tokens:,}"] if section.min_tokens else []
    limits += [f"max {section.max_tokens:,}"] if section.max_tokens is not None else []
    said = ", ".join([f"{len(section.kept)} kept", *limits])
    if not section.dropped:
        return said
    named = [f"{item.id} ({item.num_tokens:,})" for item in section.dropped[:SHOWN_DROPPED]]
    more = len(section.dropped) - len(named)
    verb = "summarised" if section.summary is not None else "dropped"
    return f"{said}, {len(section.dropped)} {verb}: {', '.join(named)}{f' and {more:,} more' if more else ''}"
