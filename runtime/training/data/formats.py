"""The formats of data files, told apart by their keys.

    {"messages": [{"role", "content"}, …], "tools": […]}     chat
    {"conversations": [{"from", "value"}, …], "system": …}   sharegpt
    {"instruction", "input", "output"}                       alpaca
    {"prompt", "chosen", "rejected"}                         preference: text, or messages
    {"prompt", "completion"}                                 completion: text, or messages
    {"text"}                                                 text

Keys beyond these are left alone; a file whose keys are called otherwise is read with a mapping of fields.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.training.data.messages import ChatExample, question_and_answer, read_chat


@dataclass(frozen=True, kw_only=True)
class CompletionExample:
    """What is written after a prompt."""

    prompt: str
    completion: str


@dataclass(frozen=True, kw_only=True)
class PlainTextExample:
    """A text, all of which is learnt."""

    text: str


@dataclass(frozen=True, kw_only=True)
class PreferenceExample:
    """Two ways to go on from one prompt, as two conversations or two completions."""

    chosen: ChatExample | CompletionExample
    rejected: ChatExample | CompletionExample


RawExample = ChatExample | CompletionExample | PlainTextExample | PreferenceExample


@dataclass(frozen=True, kw_only=True)
class Format:
    """`needed` keys tell the format; `optional` ones are read where they are there."""

    name: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    read: Callable[[Mapping[str, Any]], RawExample]

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key it reads."""
        return (*self.needed, *self.optional)


def format_of(line: Mapping[str, Any]) -> Format | None:
    """The format whose keys a line has; of several, the first of `FORMATS`."""
    return next((format for format in FORMATS if all(key in line for key in format.needed)), None)


def _read_messages(line: Mapping[str, Any]) -> RawExample:
    return read_chat(line["messages"], line.get("tools"))


def _read_conversations(line: Mapping[str, Any]) -> RawExample:
    turns = line["conversations"]
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ValueError('"conversations" is no list of {"from", "value"}')
    messages = [_from_sharegpt(turn, number) for number, turn in enumerate(turns, 1)]
    if system := _optional_text(line, "system"):
        messages.insert(0, {"role": "system", "content": system})
    return read_chat(messages, line.get("tools"))


_SHAREGPT_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}


def _from_sharegpt(turn: Mapping[str, Any], number: int) -> dict[str, Any]:
    role = _SHAREGPT_ROLES.get(given) if isinstance(given := turn.get("from"), str) else None
    if role is None:
        raise ValueError(f"message {number} is from {str(given)[:40]!r}; there are human, gpt, system and function")
    kept = {key: turn[key] for key in ("train", "weight", "tool_calls") if key in turn}
    return {"role": role, "content": turn.get("value"), **kept}


def _read_alpaca(line: Mapping[str, Any]) -> RawExample:
    instruction, given = _needed_text(line, "instruction"), _optional_text(line, "input")
    question = f"{instruction}\n\n{given}" if given else instruction
    return question_and_answer(question, _needed_text(line, "output"), system=_optional_text(line, "system"))


def _read_completion(line: Mapping[str, Any]) -> RawExample:
    return _continued(line["prompt"], line, "completion")


def _read_preference(line: Mapping[str, Any]) -> RawExample:
    chosen, rejected = _continued(line["prompt"], line, "chosen"), _continued(line["prompt"], line, "rejected")
    if chosen == rejected:
        raise ValueError('"chosen" and "rejected" are the same')
    return PreferenceExample(chosen=chosen, rejected=rejected)


def _continued(prompt: Any, line: Mapping[str, Any], key: str) -> ChatExample | CompletionExample:
    """A prompt, text or messages, and what `key` has after it. Of messages, only those of `key` are learnt."""
    if isinstance(prompt, list) and isinstance(answer := line[key], list):
        before = [{**message, "train": False} if isinstance(message, dict) else message for message in prompt]
        return read_chat([*before, *answer], line.get("tools"))
    if not isinstance(prompt, str) or not isinstance(line[key], str):
        raise ValueError(f'"prompt" and "{key}" are neither both text nor both messages')
    return CompletionExample(prompt=prompt, completion=_needed_text(line, key))


def _read_text(line: Mapping[str, Any]) -> RawExample:
    return PlainTextExample(text=_needed_text(line, "text"))


def _needed_text(line: Mapping[str, Any], key: str) -> str:
    if not isinstance(value := line[key], str):
        raise ValueError(f'"{key}" is not text')
    if not value.strip():
        raise ValueError(f'"{key}" is empty')
    return value


def _optional_text(line: Mapping[str, Any], key: str) -> str:
    value = line.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f'"{key}" is not text')
    return value or ""


FORMATS = (
    Format(name="chat", needed=("messages",), optional=("tools",), read=_read_messages),
    Format(name="sharegpt", needed=("conversations",), optional=("system", "tools"), read=_read_conversations),
    Format(name="alpaca", needed=("instruction", "output"), optional=("input", "system"), read=_read_alpaca),
    Format(name="preference", needed=("prompt", "chosen", "rejected"), optional=("tools",), read=_read_preference),
    Format(name="completion", needed=("prompt", "completion"), optional=("tools",), read=_read_completion),
    Format(name="text", needed=("text",), optional=(), read=_read_text),
)
