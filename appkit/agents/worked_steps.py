"""The examples of tools as steps of ReAct, shown before the task. A small model calls as it has seen it done.

smollm2-135m gives a calculator without examples the result it has made up; docs/log.md has the figures.
"""

import json
from collections.abc import Sequence
from itertools import zip_longest

from appkit.agents.react_words import ReactWords
from appkit.llm.language import is_chinese
from appkit.tools import Tool, ToolExample

MAX_EXAMPLES = 6  # of all tools together: each is some sixty tokens of every prompt


def worked_steps(tools: Sequence[Tool], words: ReactWords, *, has_answers: bool) -> tuple[dict[str, str], ...]:
    """Steps as `Agent(examples=…)` takes them, in turn from each tool, of those in the language of `words`.

    Args:
        has_answers: with the steps that answer; not where answers have a form that these would not keep to.
    """
    wants_chinese = words.language == "zh"
    of_each = [[(tool, one) for one in tool.examples if is_chinese(one.question) == wants_chinese] for tool in tools]
    in_turn = [pair for row in zip_longest(*of_each) for pair in row if pair is not None]
    return tuple(
        step
        for tool, example in reversed(in_turn[:MAX_EXAMPLES])  # the first of a tool stands nearest to the task
        for step in _steps(tool.name, example, words)[: 2 if has_answers else 1]
    )


def _steps(name: str, example: ToolExample, words: ReactWords) -> list[dict[str, str]]:
    arguments = json.dumps(dict(example.arguments), ensure_ascii=False, separators=(",", ":"))
    call = f"{words.action}{name}\n{words.action_input}{arguments}"
    return [
        {"question": example.question, "answer": f"{words.thought}{words.to_call.format(tool=name)}\n{call}"},
        {
            "observation": example.result,
            "answer": f"{words.thought}{words.to_answer}\n{words.answer}{example.answer}",
        },
    ]
