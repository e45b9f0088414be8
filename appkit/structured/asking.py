"""What a model is told, in English or Chinese: the form of the answer wanted of it, and what was wrong with one."""

import json
from collections.abc import Sequence
from dataclasses import replace

from appkit.llm.language import is_chinese
from appkit.messages import Message
from appkit.structured.output import OutputType
from appkit.structured.shape import shape_of

_FORMS = {
    # what is wanted: (English, Chinese)
    "schema": (
        "Answer with JSON that matches this JSON Schema, and nothing else:\n{what}",
        "只用符合下面 JSON Schema 的 JSON 回答，不要写别的：\n{what}",
    ),
    "shape": ("Answer with JSON of this form:\n{what}", "用这种形式的 JSON 回答：\n{what}"),
    "value": ("Answer with this, and nothing else: {what}", "只回答：{what}"),
    "example": (
        "Answer with a {name}, written like {what}, and nothing else.",
        "只回答一个 {name}，写法如 {what}，不要写别的。",
    ),
    "choice": ("Answer with one of these, and nothing else: {what}", "只从下面选一个回答，不要写别的：{what}"),
    "regex": (
        "Answer with text that matches this regular expression as a whole, and nothing else: {what}",
        "只回答整体符合下面正则表达式的文字，不要写别的：{what}",
    ),
    "grammar": (
        "Answer with text of this grammar (Lark), and nothing else:\n{what}",
        "只回答符合下面语法（Lark）的文字，不要写别的：\n{what}",
    ),
    "substring": (
        "Answer with words of this text, exactly as they stand there, and nothing else:\n{what}",
        "只摘录下面文字中的原文，一字不改，不要写别的：\n{what}",
    ),
}
_AGAIN = (
    "That cannot be used: {fault} Answer again in the same form, and write nothing else.",
    "这个回答不能用：{fault} 请按同样的形式重新回答，不要写别的。",
)
_CUT = ("It was cut off: be shorter.", "回答没有写完：请写短一些。")


def with_form(messages: Sequence[Message], output: OutputType[object], *, is_held: bool = False) -> list[Message]:
    """`messages` with what to write, in the language of the last, at the end of it; as they are for free text.

    A model that nothing holds to the form is shown the whole JSON Schema, others only what goes where.
    """
    if output.constraint is None or not messages:
        return list(messages)
    form = _form_of(output, _column(messages), is_held=is_held)
    last = messages[-1]
    if last.role != "user":
        return [*messages, Message(role="user", content=form)]
    return [*messages[:-1], replace(last, content=f"{last.content}\n\n{form}", token_ids=())]


def again(messages: Sequence[Message], fault: str) -> str:
    """What is said after an answer with a fault."""
    return _AGAIN[_column(messages)].format(fault=fault)


def cut_off(messages: Sequence[Message]) -> str:
    """The fault of an answer that reached its limit of tokens."""
    return _CUT[_column(messages)]


def _form_of(output: OutputType[object], column: int, *, is_held: bool) -> str:
    constraint = output.constraint
    assert constraint is not None, "free text has no form to tell"
    if output.schema is not None and not is_held:
        key, what = "schema", json.dumps(output.schema, ensure_ascii=False)
    elif output.schema is not None:
        what = shape_of(output.schema, column)
        key = "shape" if "{" in what or "[" in what else "value"
    elif output.example:
        key, what = "example", output.example
    else:
        key = constraint.kind
        what = constraint.source if isinstance(constraint.source, str) else " | ".join(constraint.source)
    return _FORMS[key][column].format(name=output.name, what=what)


def _column(messages: Sequence[Message]) -> int:
    return int(is_chinese(messages[-1].content))
