"""The grammar of an answer by a model that has tools: calls of these tools and no others, or the answer itself."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from appkit.llm.tool_formats.schema import arguments_constraint
from appkit.llm.tool_formats.syntax import CallSyntax
from appkit.messages import Constraint, ToolChoice, ToolSpec

_ANSWER = "answer"
# Any but those of plane 16 (private use): with one of these, control tokens are spelled where endings are sought.
_CHARACTER = r"[^\x{100000}-\x{10FFFF}]"
_BLANK = r"[\s\x{1C}-\x{1F}]*"  # as `str.strip` has it


def answer_constraint(
    syntax: CallSyntax,
    tools: Sequence[ToolSpec],
    choice: ToolChoice,
    answer: Constraint | None,
    split_special: Callable[[str], Sequence[str | int]],
) -> Constraint:
    """What an answer must match where `tools` may be called.

    Args:
        tools: as `check_tool_specs` lets them pass.
        answer: what the answer must match where none is called; None for any text. Text before a call is allowed only
            then, since an answer that is held to something holds nothing else.
        split_special: divides a text into stretches and the ids of control tokens spelled in it, which in a grammar
            stand apart from text.

    Raises:
        ValueError: parameters that are not plain data.
    """
    opening = _literal(syntax.opening, split_special)
    rules, starts = [], []
    if choice != "required":
        words = _ANSWER if answer is None else f"@{_ANSWER}"
        starts.append(f"{_literal(syntax.answer_opening, split_special)} {words}".lstrip())
        if answer is None:
            rules.append(f"{_ANSWER}: {_TEXT}\n{_TEXT}: {_text_without_call(syntax)}")
    if choice != "none":
        starts.append(f"{opening} calls" if opening else "calls")
        rules += _call_rules(syntax, tools, split_special)
        if choice == "auto" and answer is None and syntax.mark and not syntax.answer_opening:
            starts[-1] = f"{_with_text_before(syntax, split_special, rules)} calls"
    parts = (
        [(_part_name(idx), arguments_constraint(tool)) for idx, tool in enumerate(tools)] if choice != "none" else []
    )
    if answer is not None and choice != "required":
        parts += [(_ANSWER, replace(answer, after="", parts=())), *answer.parts]
    return Constraint(
        "grammar",
        "\n".join(["start: " + " | ".join(starts), *rules]),
        after="" if answer is None else answer.after,
        parts=tuple(parts),
    )


_TEXT = "TEXT"


def _call_rules(
    syntax: CallSyntax, tools: Sequence[ToolSpec], split_special: Callable[[str], Sequence[str | int]]
) -> list[str]:
    between, closing = _literal(syntax.between, split_special), _literal(syntax.closing, split_special)
    more = f" ({between} call){{0,{syntax.max_calls - 1}}}" if syntax.max_calls > 1 else ""
    # "{" stands alone, as in JSON: an answer in JSON may begin with it, too, and the lexer does not go back.
    starts = [syntax.call_start(tool.name).removeprefix("{") for tool in tools]
    calls = [f'"{{" {json.dumps(start)} @{_part_name(idx)} "}}"' for idx, start in enumerate(starts)]
    return [f"calls: call{more} {closing}".rstrip(), "call: " + "\n    | ".join(calls)]


def _with_text_before(syntax: CallSyntax, split_special: Callable[[str], Sequence[str | int]], rules: list[str]) -> str:
    """The beginning of calls with text before it; adds the rules it needs."""
    if isinstance(split_special(syntax.opening)[0], int):
        return f"{_TEXT}? {_literal(syntax.opening, split_special)}"
    # A text that ends with the first mark: the lexer must not take the mark for more text.
    rules.append(f"before[suffix={json.dumps(syntax.mark)}]: /(?s:.*)/")
    after_mark = _literal(syntax.opening.removeprefix(syntax.mark), split_special)
    return f"before {after_mark}".rstrip()


def _text_without_call(syntax: CallSyntax) -> str:
    """A terminal: text, not blank, that does not look like a call."""
    # Without the ">" that would end a tag: small models vary it (<tool_call_result>).
    tags = sorted({tag.removesuffix(">") for tag in (syntax.mark, *syntax.opening.split())} - {""})
    calls = [f"(?s:.*){_in_regex(tag)}(?s:.*)" for tag in tags] or [r"\s*\{(?s:.*)"]
    return " & ".join([f"/{_CHARACTER}+/", *(f"~/{call}/" for call in [*calls, _BLANK])])


def _in_regex(text: str) -> str:
    return re.escape(text).replace("/", r"\/")  # which ends a regular expression in Lark


def _literal(text: str, split_special: Callable[[str], Sequence[str | int]]) -> str:
    pieces = split_special(text)
    return " ".join(f"<[{piece}]>" if isinstance(piece, int) else json.dumps(piece) for piece in pieces if piece != "")


def _part_name(idx: int) -> str:
    return f"arguments_{idx}"
