"""`generate_typed`: ask a model, get a Python value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar, overload

from appkit.errors import ContextOverflowError, OutputParseError
from appkit.llm.base import DEFAULT_SETTINGS, Completion, GenerationSettings, LanguageModel
from appkit.messages import Constraint, Message
from appkit.structured.asking import again, cut_off, with_form
from appkit.structured.output import OutputType, output_type

T = TypeVar("T")
TRIES = 3
THINKING_ENDS = "</think>"
_THINKING_BEGINS = "<think>"


@dataclass(frozen=True, kw_only=True)
class TypedAnswer(Generic[T]):
    """A value, and the completion that said it, with its ids and usage."""

    value: T
    completion: Completion
    num_tries: int


@overload
def generate_typed(
    model: LanguageModel,
    prompt: str | Sequence[Message],
    output: OutputType[T] | type[T],
    settings: GenerationSettings = ...,
    *,
    tries: int = ...,
    tell_form: bool = ...,
    think: bool | str = ...,
) -> T: ...
@overload
def generate_typed(
    model: LanguageModel,
    prompt: str | Sequence[Message],
    output: Any,
    settings: GenerationSettings = ...,
    *,
    tries: int = ...,
    tell_form: bool = ...,
    think: bool | str = ...,
) -> Any: ...
def generate_typed(
    model: LanguageModel,
    prompt: str | Sequence[Message],
    output: Any,
    settings: GenerationSettings = DEFAULT_SETTINGS,
    *,
    tries: int = TRIES,
    tell_form: bool = True,
    think: bool | str = False,
) -> Any:
    """The model's answer as a value of the type `output`.

    A model with the capability "constraint" is held to the type while it writes, so the form is always right and the
    answer always whole. What a mask cannot hold (a validator, say) is checked afterwards, and for other models all of
    it: the model is told the fault and tries again.

    Args:
        prompt: a text is one message of the user.
        output: see `output_type`.
        tries: how often the model is asked at most.
        tell_form: add to the prompt, in words, what to write: fields with their descriptions, choices; the JSON Schema
            itself for a model that nothing holds to it. Off where the prompt says it already.
        think: let the model write what it likes before the answer, up to and with "</think>", or another mark. It
            costs those tokens, within `max_tokens` too, and time; a model that was not trained to think so, and so
            never writes the mark by itself, rambles until the limit forces it.

    Raises:
        OutputParseError: the tries are spent; has the last text.
        ValueError: no grammar can hold the type, as the message says before anything is written; or `tries` is below 1.
        TypeError: see `output_type`.
        runtime.errors.ConstraintLimitError: no answer of the type fits in `max_tokens`; it names how many it takes.
        ContextOverflowError: the prompt does not fit the model.
    """
    return ask_typed(model, prompt, output, settings, tries=tries, tell_form=tell_form, think=think).value


def ask_typed(
    model: LanguageModel,
    prompt: str | Sequence[Message],
    output: Any,
    settings: GenerationSettings = DEFAULT_SETTINGS,
    *,
    tries: int = TRIES,
    tell_form: bool = True,
    think: bool | str = False,
) -> TypedAnswer[Any]:
    """As `generate_typed`, with the completion that the value was read from."""
    wanted = checked_output(output, tries)
    messages = [Message(role="user", content=prompt)] if isinstance(prompt, str) else list(prompt)
    mark = THINKING_ENDS if think is True else think or ""
    constraint = held_to(model, wanted, mark)
    if tell_form:
        messages = with_form(messages, wanted, is_held=constraint is not None)
    shown, fault, text = messages, "", ""
    for attempt in range(tries):
        try:
            completion = model.chat(shown, settings_of_try(settings, attempt), constraint=constraint)
        except ContextOverflowError:
            if attempt == 0:
                raise
            raise spent(model, wanted, attempt, f"{fault} There is no room to tell it so.", text) from None
        text = completion.text
        try:
            value = read_answer(completion, wanted, messages, mark, is_held=constraint is not None)
        except ValueError as error:
            fault = str(error)
        else:
            return TypedAnswer(value=value, completion=completion, num_tries=attempt + 1)
        shown = [
            *messages,
            Message(role="assistant", content=text, token_ids=completion.token_ids),
            Message(role="user", content=again(messages, fault)),
        ]
    raise spent(model, wanted, tries, fault, text)


def checked_output(output: Any, tries: int) -> OutputType[Any]:
    """The output type to ask for. Raises as `output_type`, and ValueError for less than one try."""
    if tries < 1:
        raise ValueError(f"tries is {tries}; a model is asked at least once.")
    return output_type(output)


def held_to(model: LanguageModel, wanted: OutputType[Any], mark: str = "") -> Constraint | None:
    """What `model` is held to while it writes; None for free text, and for a model that does not take constraints."""
    if wanted.constraint is None or "constraint" not in model.capabilities:
        return None
    return replace(wanted.constraint, after=mark)


def read_answer(
    completion: Completion, wanted: OutputType[T], messages: Sequence[Message], mark: str = "", *, is_held: bool
) -> T:
    """The value of an answer, which may begin with thoughts. Raises ValueError, with a sentence for the model."""
    if completion.finish_reason == "length" and not is_held:
        raise ValueError(cut_off(messages))
    return wanted.parse(without_thoughts(completion.text, mark))


def without_thoughts(text: str, mark: str) -> str:
    """What follows the first `mark`; of a text that begins with "<think>", what follows its end; else the text."""
    if not mark and text.lstrip().startswith(_THINKING_BEGINS):
        mark = THINKING_ENDS
    _, found, answer = text.partition(mark) if mark else ("", "", "")
    return answer if found else text


def settings_of_try(settings: GenerationSettings, attempt: int) -> GenerationSettings:
    """Another try draws otherwise where a seed would repeat the first."""
    return settings if settings.seed is None else replace(settings, seed=(settings.seed + attempt) % 2**64)


def spent(model: LanguageModel, wanted: OutputType[Any], tries: int, fault: str, text: str) -> OutputParseError:
    """The error to raise when the last of `tries` answers, `text`, had a `fault` too."""
    times = "1 try" if tries == 1 else f"{tries} tries"
    return OutputParseError(
        f"{model.name} gave no usable {wanted.name} in {times}. The last was {text[:200]!r}: {fault} Use a larger "
        "model, or ask for less.",
        text,
    )
