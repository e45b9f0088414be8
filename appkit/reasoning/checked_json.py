"""JSON from a model, read into plain data: what cannot be read is told to the model, which tries again."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from appkit.errors import OutputParseError
from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.messages import Constraint, Message

T = TypeVar("T")
MAX_CHARACTERS = 100_000
TRIES = 3


def ask_for_json(
    model: LanguageModel,
    messages: Sequence[Message],
    settings: GenerationSettings,
    constraint: Constraint,
    read: Callable[[Any], T],
    *,
    tries: int = TRIES,
) -> T:
    """What `read` makes of the model's JSON.

    A model that takes constraints cannot leave the schema; it can still run out of tokens, and `read` may ask for more
    than a schema says.

    Args:
        constraint: the form of the JSON; see `json_constraint`.
        read: raises ValueError, with a sentence for the model, for data that will not do.

    Raises:
        OutputParseError: the tries are spent; has the last text.
    """
    held_to = constraint if "constraint" in model.capabilities else None
    shown = list(messages)
    for attempt in range(tries):
        completion = model.chat(shown, _of_try(settings, attempt), constraint=held_to)
        try:
            return read(_parsed(completion.text, was_cut=completion.finish_reason == "length"))
        except ValueError as error:
            fault = str(error)
        shown = [
            *messages,
            Message(role="assistant", content=completion.text, token_ids=completion.token_ids),
            Message(role="user", content=f"That cannot be used: {fault} Write the JSON again, and nothing else."),
        ]
    raise OutputParseError(
        f"{model.name} gave no usable JSON in {tries} tries: {fault} Its last words: {completion.text[:200]!r}. "
        "Use a larger model, or ask for less.",
        completion.text,
    )


def json_constraint(schema: Mapping[str, Any]) -> Constraint:
    """A JSON Schema as a constraint."""
    return Constraint("json_schema", json.dumps(schema, ensure_ascii=False))


def _of_try(settings: GenerationSettings, attempt: int) -> GenerationSettings:
    """Another try draws otherwise where a seed would repeat the first."""
    return settings if settings.seed is None else replace(settings, seed=(settings.seed + attempt) % 2**64)


def _parsed(text: str, *, was_cut: bool) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"It has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read.")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("It was cut off: be shorter." if was_cut else f"It is not JSON: {error}.") from error
