"""The grammar that holds a ReAct step: a thought of one line, then a call of a tool there is, or the answer."""

import json
from collections.abc import Sequence
from dataclasses import replace

from appkit.agents.react_words import ReactWords
from appkit.llm.tool_formats.schema import arguments_constraint
from appkit.messages import Constraint, ToolSpec


def step_constraint(
    words: ReactWords, tools: Sequence[ToolSpec], answer: Constraint | None, *, thought_chars: int
) -> Constraint:
    """A whole step.

    Args:
        tools: none leaves only the answer.
        answer: what the answer must match; None for any text that is not blank.
        thought_chars: that the thought may have at most, so that it leaves room for what follows it.

    Raises:
        ValueError: a tool's parameters are not plain data.
    """
    rules = [
        f"start: {_text(words.thought)} THOUGHT {_text(chr(10))} ({'action | ' if tools else ''}final)",
        f"THOUGHT: /[^\\n]{{1,{thought_chars}}}/",
        *_answer_rules(words, answer),
    ]
    if tools:
        rules.append(f"action: {_text(words.action)} ({' | '.join(f'call_{idx}' for idx in range(len(tools)))})")
        rules += [
            f"call_{idx}: {_text(f'{tool.name}{chr(10)}{words.action_input}')} @arguments_{idx}"
            for idx, tool in enumerate(tools)
        ]
    # No blanks: a model that would rather write a bare 17 takes the blank before it, and then no more than "} opens a
    # text. smollm2-135m, asked six sums, wrote none of them with blanks, and five without.
    parts = [(f"arguments_{idx}", arguments_constraint(tool, has_blanks=False)) for idx, tool in enumerate(tools)]
    return Constraint("grammar", "\n".join(rules), parts=(*parts, *_answer_parts(answer)))


def answer_constraint(words: ReactWords, answer: Constraint | None) -> Constraint:
    """The answer alone, with its label."""
    return Constraint(
        "grammar", "\n".join(["start: final", *_answer_rules(words, answer)]), parts=_answer_parts(answer)
    )


def _answer_rules(words: ReactWords, answer: Constraint | None) -> list[str]:
    if answer is not None:
        return [f"final: {_text(words.answer)} @answer"]
    return [f"final: {_text(words.answer)} ANSWER", "ANSWER: /[^\\s\\x1c-\\x1f](?s:.*)/"]


def _answer_parts(answer: Constraint | None) -> tuple[tuple[str, Constraint], ...]:
    return () if answer is None else (("answer", replace(answer, after="", parts=())), *answer.parts)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
