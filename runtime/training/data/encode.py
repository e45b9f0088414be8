"""Typed examples to token ids with loss masks, for one tokenizer and one chat template."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, get_args

import numpy as np

from runtime.errors import ChatTemplateError, TokenizerError
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.chat_encoding import encode_chat
from runtime.tokenizer.chat_template import Template
from runtime.training.data.answers import EncodeMessages, MarkedIds, Messages, mark_answers
from runtime.training.data.example import PreferencePair, SkippedLine, TokenExample
from runtime.training.data.formats import CompletionExample, PlainTextExample, PreferenceExample, RawExample
from runtime.training.data.messages import ChatExample, question_and_answer
from runtime.training.data.read import RawLine

DEFAULT_MAX_LEN = 1024
Supervise = Literal["answers", "all"]
TooLong = Literal["drop", "truncate-left", "truncate-right", "refuse"]
Prompts = Literal["chat", "text"]
Tools = Sequence[Mapping[str, Any]]


class ToolForm(Protocol):
    """How a model is shown conversations with tools where it is used."""

    @property
    def is_native(self) -> bool:
        """Whether its template is given tools, calls and results as they are; else they are shown as text."""

    def show(self, messages: Messages, tools: Tools) -> tuple[Messages, Tools | None]:
        """What the template is given in place of the two. Raises ValueError for tools that cannot be shown."""


@dataclass(frozen=True, kw_only=True)
class EncodingSettings:
    """How examples become ids.

    Args:
        max_len: the most tokens of a sequence.
        supervise: what is learnt: "answers" (the assistant's turns, completions) or "all" that is read. A plain text is
            learnt whole either way.
        too_long: what becomes of a longer example: "drop" leaves it out and counts it, "truncate-left" keeps its end,
            "truncate-right" its beginning (and not the token that ends it), "refuse" stops. Plain texts are never too
            long: they are read in windows that overlap by one token, so that every token is learnt once.
        prompts: "chat" makes a prompt and its completion a turn of the template, "text" continues the bare text.
        system: a system message for conversations that open without one: what the model will be asked with. Not where
            tools are shown as text, for these stand in a system message of their own.
        tool_form: None gives the template tools, calls and results as they are.
        now: what templates that tell the date are told it is; None is the present.
    """

    max_len: int = DEFAULT_MAX_LEN
    supervise: Supervise = "answers"
    too_long: TooLong = "drop"
    prompts: Prompts = "chat"
    system: str = ""
    tool_form: ToolForm | None = None
    now: datetime.datetime | None = None

    def __post_init__(self) -> None:
        if self.max_len < 2:
            raise ValueError(f"max_len is {self.max_len}; a sequence to learn from has at least 2 tokens.")
        choices = {"supervise": Supervise, "too_long": TooLong, "prompts": Prompts}
        for name, choice in choices.items():
            if (value := getattr(self, name)) not in (known := get_args(choice)):
                raise ValueError(f"{name} is {value!r}; it is one of {', '.join(known)}.")


def encode_example(
    line: RawLine, tokenizer: Tokenizer, template: Template, settings: EncodingSettings, *, source: str = ""
) -> list[TokenExample] | SkippedLine:
    """The sequences of a line: one, or more of a long text, or where the template rewrites earlier answers.

    Ids are the template's own encoding of the conversation, which inference would show the model.

    Raises:
        TypeError: the line is a preference pair, which `encode_preference` takes.
    """
    if isinstance(line.example, PreferenceExample):
        raise TypeError("A preference pair is two sequences; encode it with encode_preference.")
    try:
        marked = _marked(line.example, tokenizer, template, settings)
        return [_fitted(sequence, settings, line.line_number, source) for sequence in marked]
    except _TooLongError as error:
        return SkippedLine(line_number=line.line_number, reason=str(error), is_too_long=True)
    except (ValueError, ChatTemplateError, TokenizerError) as error:
        return SkippedLine(line_number=line.line_number, reason=str(error).rstrip("."))
    except RecursionError:
        return SkippedLine(line_number=line.line_number, reason="it is nested too deeply")


def encode_preference(
    line: RawLine, tokenizer: Tokenizer, template: Template, settings: EncodingSettings, *, source: str = ""
) -> PreferencePair | SkippedLine:
    """Both sequences of a preference pair; skipped where one of them is.

    Raises:
        TypeError: the line is no preference pair.
    """
    if not isinstance(line.example, PreferenceExample):
        raise TypeError(f"A {type(line.example).__name__} is one sequence; encode it with encode_example.")
    sides: list[TokenExample] = []
    for side in (line.example.chosen, line.example.rejected):
        encoded = encode_example(
            RawLine(line_number=line.line_number, example=side), tokenizer, template, settings, source=source
        )
        if isinstance(encoded, SkippedLine):
            return encoded
        if len(encoded) != 1:
            reason = "the model's chat template rewrites its earlier answers, so it is not one sequence"
            return SkippedLine(line_number=line.line_number, reason=reason)
        sides += encoded
    return PreferencePair(chosen=sides[0], rejected=sides[1])


class _TooLongError(Exception):
    """The policy leaves this example out."""


def _marked(
    example: RawExample, tokenizer: Tokenizer, template: Template, settings: EncodingSettings
) -> Sequence[MarkedIds]:
    if isinstance(example, PlainTextExample):
        return list(_windows(_ended(tokenizer.encode(example.text, add_special=True), tokenizer), settings.max_len))
    if isinstance(example, CompletionExample):
        if settings.prompts == "text":
            return [_continued(example, tokenizer, settings)]
        example = question_and_answer(example.prompt, example.completion)
    assert isinstance(example, ChatExample), example
    tool_form = settings.tool_form if _has_tools(example) else None
    if tool_form is None or tool_form.is_native or not example.tools:
        example = _with_system(example, settings.system)
    encode = _encoder(example, tokenizer, template, tool_form, settings.now)
    if settings.supervise == "answers":
        return mark_answers(example, encode, tokenizer)
    ids = encode(example.messages, False)
    if tokenizer.eog_ids.isdisjoint(ids):
        ids = _ended(ids, tokenizer)
    return [MarkedIds(input_ids=ids, stretches=((0, len(ids)),))]


def _with_system(example: ChatExample, system: str) -> ChatExample:
    if not system or example.messages[0]["role"] == "system":
        return example
    first = {"role": "system", "content": system}
    return replace(
        example, messages=(first, *example.messages), is_trained=(False, *example.is_trained), first_number=0
    )


def _has_tools(example: ChatExample) -> bool:
    return bool(example.tools) or any("tool_calls" in message for message in example.messages)


def _encoder(
    example: ChatExample,
    tokenizer: Tokenizer,
    template: Template,
    tool_form: ToolForm | None,
    now: datetime.datetime | None,
) -> EncodeMessages:
    def encode(messages: Messages, add_generation_prompt: bool) -> list[int]:
        tools: Tools | None = example.tools
        if tool_form is not None:
            messages, tools = tool_form.show(messages, tools or ())
        return encode_chat(
            template, tokenizer, messages, tools=tools, add_generation_prompt=add_generation_prompt, now=now
        )

    return encode


def _continued(example: CompletionExample, tokenizer: Tokenizer, settings: EncodingSettings) -> MarkedIds:
    """A bare text; what follows the ids of its prompt, which inference would show the model, is the completion's."""
    prompt = tokenizer.encode(example.prompt, add_special=True)
    if tokenizer.adds_eos and prompt[-1:] == [tokenizer.eos_id]:
        prompt.pop()
    ids = _ended(tokenizer.encode(example.prompt + example.completion, add_special=True), tokenizer)
    start = len(prompt)
    if ids[:start] != prompt:  # a token of the whole reaches over the end of the prompt
        apart = tokenizer.encode(example.completion)
        if b"".join(map(tokenizer.token_bytes, apart)) == example.completion.encode():
            ids = _ended([*prompt, *apart], tokenizer)
        else:  # this vocabulary puts a space before every text; the token in between is not learnt
            start = _start_of_last_bytes(len(example.completion.encode()), ids, tokenizer)
    if settings.supervise == "all":
        start = 0
    return MarkedIds(input_ids=ids, stretches=((start, len(ids)),))


def _start_of_last_bytes(num_bytes: int, ids: list[int], tokenizer: Tokenizer) -> int:
    """The first token that lies wholly in the last bytes of the text, before the token that ends it."""
    start = len(ids) - (ids[-1:] == [tokenizer.eos_id])
    while start > 0 and (size := len(tokenizer.token_bytes(ids[start - 1]))) <= num_bytes:
        num_bytes -= size
        start -= 1
    return start


def _ended(ids: list[int], tokenizer: Tokenizer) -> list[int]:
    """With the token that ends a text, where the vocabulary has one."""
    return ids if tokenizer.eos_id is None or ids[-1:] == [tokenizer.eos_id] else [*ids, tokenizer.eos_id]


def _windows(ids: list[int], max_len: int) -> Iterator[MarkedIds]:
    for start in range(0, max(len(ids) - 1, 1), max_len - 1):
        window = ids[start : start + max_len]
        yield MarkedIds(input_ids=window, stretches=((0, len(window)),))


def _fitted(marked: MarkedIds, settings: EncodingSettings, line_number: int, source: str) -> TokenExample:
    """The sequence within `max_len`.

    Raises:
        _TooLongError: the policy leaves it out.
        ValueError: it has no target.
    """
    ids = np.array(marked.input_ids, np.int32)
    is_supervised = np.zeros(len(ids), np.bool_)
    for start, end in marked.stretches:
        is_supervised[start:end] = True
    is_truncated = len(ids) > (limit := settings.max_len)
    if is_truncated:
        if settings.too_long in ("drop", "refuse"):
            raise _TooLongError(f"it has {len(ids):,} tokens, and {limit:,} are allowed")
        kept = slice(-limit, None) if settings.too_long == "truncate-left" else slice(0, limit)
        ids, is_supervised = ids[kept], is_supervised[kept]
        if not is_supervised[1:].any():
            raise _TooLongError(f"cut to {limit:,} tokens, nothing of it is left to learn")
    is_supervised[:1] = False  # nothing comes before it to predict it from
    if not is_supervised.any():
        raise ValueError("it has no token to learn")
    return TokenExample(
        input_ids=ids,
        is_supervised=is_supervised,
        line_number=line_number,
        source=source,
        is_truncated=is_truncated,
    )
