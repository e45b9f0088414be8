"""A token map as a person reads it, and as `--json` shows it; the JSON shape is promised to scripts."""

import json
from typing import TYPE_CHECKING

from appkit.cli.columns import columns
from appkit.cli.printable import escaped_json, on_one_line
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.context import CompiledContext, SectionUse
    from appkit.llm.base import LanguageModel

SHOWN_DROPPED = 5  # items that are named of what a section lost; --json names all
_NAMED_SECTIONS = ("system", "examples", "memory", "history", "passages", "question")


def map_json(compiled: "CompiledContext", model: "LanguageModel") -> str:
    """One line of JSON: the model's name and `CompiledContext.to_json`."""
    return escaped_json(json.dumps({"model": model.name, **compiled.to_json()}, ensure_ascii=False))


def map_text(compiled: "CompiledContext", model: "LanguageModel") -> str:
    """A line a section, then what template, prompt and answer take of the budget."""
    rows = [(_name(section), section.num_tokens, _fate(section)) for section in compiled.sections]
    rows += [(text("explain_tools"), compiled.tool_tokens, "")] if compiled.tool_tokens else []
    rows += [
        (text("explain_template"), compiled.template_tokens, text("explain_about_template")),
        (
            text("explain_prompt"),
            compiled.num_tokens,
            text("explain_exact" if compiled.is_exact else "explain_estimate"),
        ),
        (text("explain_answer"), compiled.answer_tokens, text("explain_kept_free")),
    ]
    rows += (
        [] if compiled.is_exact else [(text("explain_margin"), compiled.margin_tokens, text("explain_about_margin"))]
    )
    rows += [
        (text("explain_unused"), compiled.unused_tokens, ""),
        (text("explain_budget"), compiled.budget, text("explain_about_budget", model=on_one_line(model.name))),
    ]
    width = max(columns(name) for name, _, _ in rows)
    lines = (f"{name}{' ' * (width - columns(name))}  {num_tokens:>9,}  {note}" for name, num_tokens, note in rows)
    return "\n".join(line.rstrip() for line in lines)


def _name(section: "SectionUse") -> str:
    return text(f"explain_{section.name}") if section.name in _NAMED_SECTIONS else section.name


def _fate(section: "SectionUse") -> str:
    """What of a section is shown and what is not."""
    said = [text("explain_kept", count=len(section.kept))]
    if section.min_tokens:
        said.append(text("explain_minimum", tokens=section.min_tokens))
    if section.max_tokens is not None:
        said.append(text("explain_maximum", tokens=section.max_tokens))
    if section.dropped:
        named = [f"{on_one_line(item.id)} ({item.num_tokens:,})" for item in section.dropped[:SHOWN_DROPPED]]
        if more := len(section.dropped) - len(named):
            named.append(text("explain_more", count=more))
        said.append(text("explain_dropped", count=len(section.dropped), named=", ".join(named)))
    return text("explain_comma").join(said)
