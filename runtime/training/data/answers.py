"""Which ids of an encoded conversation its answers are, told by the template itself.

For each answer the conversation is encoded twice as inference would: up to the answer with the prompt that makes the
model speak, and up to its end. What the second has beyond the first is what the model would have written, through the
first token that ends a generation. Nothing is guessed from what a role's header looks like, nor from padding.

Templates may rewrite what came earlier: some take the reasoning out of all answers but the last. So an answer whose ids
are not the beginning of a later one's conversation becomes a sequence of its own, which is what the model sees when it
gives that answer.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.errors import ChatTemplateError
from runtime.tokenizer.base import Tokenizer
from runtime.training.data.messages import ChatExample

_THINK_TAG = re.compile(r"</?think>")
_PROBE = "\ue0ff"  # a private-use character, so in no template

Messages = Sequence[Mapping[str, Any]]
# (messages, add_generation_prompt) → ids
EncodeMessages = Callable[[Messages, bool], list[int]]


@dataclass(frozen=True, kw_only=True)
class MarkedIds:
    """Ids, and the stretches [start, end) of them that are learnt, in order."""

    input_ids: list[int]
    stretches: tuple[tuple[int, int], ...]


def mark_answers(chat: ChatExample, encode: EncodeMessages, tokenizer: Tokenizer) -> list[MarkedIds]:
    """The conversation up to its last trained answer; more sequences where the template rewrites earlier ones.

    An answer that the template ends without an end-of-generation token gets the tokenizer's own where its sequence
    ends with it: a model that never sees an end does not learn to stop.

    Raises:
        ChatTemplateError: the template refuses the conversation.
        ValueError: the template does not show an answer, or cannot be told where it begins; a clause.
    """
    messages = _with_readable_calls(chat.messages, encode)
    answers = [
        _mark_answer(messages, idx, chat, encode, tokenizer)
        for idx, is_trained in enumerate(chat.is_trained)
        if is_trained
    ]
    sequences: list[list[MarkedIds]] = []
    for answer in reversed(answers):
        end = answer.stretches[0][1]
        whole = next((found for found in sequences if found[0].input_ids[:end] == answer.input_ids[:end]), None)
        if whole is None:
            sequences.append([answer])
        else:
            whole.append(answer)
    return [_joined(found, tokenizer) for found in reversed(sequences)]


def _mark_answer(
    messages: Messages, idx: int, chat: ChatExample, encode: EncodeMessages, tokenizer: Tokenizer
) -> MarkedIds:
    """The conversation through answer `idx`, and where that stands in it."""
    number = idx + chat.first_number
    before, ids = encode(messages[:idx], True), encode(messages[: idx + 1], False)
    prompt = _bytes(before, tokenizer)
    if _bytes(ids, tokenizer).startswith(prompt):
        start = _first_token_from(len(prompt), ids, tokenizer)
    else:
        tail = _answer_elsewhere(messages, idx, number, prompt, ids, encode, tokenizer)
        start, ids = len(before), before + tail
    end = next((i + 1 for i in range(start, len(ids)) if ids[i] in tokenizer.eog_ids), len(ids))
    if start >= end:
        raise ValueError(f"the model's chat template shows nothing of message {number}")
    _check_shown(messages[idx], number, ids[start:end], tokenizer)
    _check_tools(chat, before, tokenizer)
    return MarkedIds(input_ids=ids, stretches=((start, end),))


def _answer_elsewhere(
    messages: Messages,
    idx: int,
    number: int,
    prompt: bytes,
    ids: list[int],
    encode: EncodeMessages,
    tokenizer: Tokenizer,
) -> list[int]:
    """The ids of answer `idx` where its template writes the conversation before it in another way than in `prompt`.

    As where the system message goes into the last message of the user, whichever that is: the model is asked with one
    text, and shown the answer after another. It is trained as it is asked. Where the answer begins is seen by giving
    another answer; that it would go on from the prompt, by both ending in the same message and header.
    """
    whole = _bytes(ids, tokenizer)
    probe = _bytes(encode([*messages[:idx], {"role": "assistant", "content": _PROBE}], False), tokenizer)
    start = _shared_len(whole, probe)
    common = prompt[len(prompt) - _shared_len(prompt[::-1], whole[:start][::-1]) :]
    if idx == 0 or messages[idx - 1]["content"].strip().encode() not in common:
        end = prompt[-30:].decode(errors="replace")
        raise ValueError(
            f"the model's chat template asks for message {number} with …{end!r} and shows the answer after something "
            "else, so an answer that goes on from there cannot be told"
        )
    return ids[_first_token_from(start, ids, tokenizer) :]


def _first_token_from(start_byte: int, ids: list[int], tokenizer: Tokenizer) -> int:
    """The first token that lies wholly behind `start_byte`: one that reaches over it is not the answer's alone."""
    offset = 0
    for position, token_id in enumerate(ids):
        if offset >= start_byte:
            return position
        offset += len(tokenizer.token_bytes(token_id))
    return len(ids)


def _joined(answers: list[MarkedIds], tokenizer: Tokenizer) -> MarkedIds:
    """One sequence, the longest, with the stretches of all; `answers` come from the last to the first."""
    ids = answers[0].input_ids
    stretches = []
    for start, end in (answer.stretches[0] for answer in reversed(answers)):
        has_end = not tokenizer.eog_ids.isdisjoint(ids[start:end])
        if not has_end and end == len(ids) and tokenizer.eos_id is not None:
            ids = [*ids, tokenizer.eos_id]
        # Some templates end an answer with the mark of who speaks next.
        is_ended_by_next = not has_end and end < len(ids) and ids[end] in tokenizer.eog_ids
        stretches.append((start, end + is_ended_by_next))
    return MarkedIds(input_ids=ids, stretches=tuple(stretches))


def _check_shown(message: Mapping[str, Any], number: int, ids: list[int], tokenizer: Tokenizer) -> None:
    """Refuse an answer of which the template leaves something out: it would be learnt without."""
    shown = tokenizer.decode(ids, skip_special=False, continues=True)
    said = [part.strip() for part in _THINK_TAG.split(message["content"])]
    said += [message.get("reasoning_content", "").strip()]
    for part in said:
        if part not in shown and tokenizer.decode(tokenizer.encode(part)).strip() not in shown:
            raise ValueError(f"the model's chat template leaves out what message {number} says: {part[:40]!r}")
    for call in message.get("tool_calls", ()):
        if (name := call["function"]["name"]) not in shown:
            raise ValueError(f"the model's chat template does not show the call of {name[:40]!r} in message {number}")


def _check_tools(chat: ChatExample, before: list[int], tokenizer: Tokenizer) -> None:
    if not chat.tools:
        return
    prompt = tokenizer.decode(before, skip_special=False)
    for tool in chat.tools:
        if (name := tool.get("function", tool)["name"]) not in prompt:
            raise ValueError(f"the model's chat template does not show the tool {name[:40]!r}")


def _with_readable_calls(messages: Messages, encode: EncodeMessages) -> Messages:
    """The messages as this template reads them: most want a call's arguments as an object, some as JSON text."""
    if not any("tool_calls" in message for message in messages):
        return messages
    try:
        encode(messages, False)
    except ChatTemplateError:
        as_text = [_with_text_arguments(message) for message in messages]
        encode(as_text, False)  # where this fails too, the template refuses the conversation for another reason
        return as_text
    return messages


def _with_text_arguments(message: Mapping[str, Any]) -> Mapping[str, Any]:
    if "tool_calls" not in message:
        return message
    calls = [
        {
            **call,
            "function": {
                **call["function"],
                "arguments": json.dumps(call["function"]["arguments"], ensure_ascii=False),
            },
        }
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": calls}


def _bytes(ids: list[int], tokenizer: Tokenizer) -> bytes:
    return b"".join(map(tokenizer.token_bytes, ids))


def _shared_len(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))
