"""How much an agent may do, and why it stopped."""

import math
from dataclasses import dataclass, fields
from typing import Literal, cast

StopReason = Literal[
    "answered",  # the one reason that makes a result complete
    "approval",  # a person must decide about a call
    "steps",
    "tool_calls",
    "tokens",
    "seconds",
    "repeats",
    "tool_errors",  # several calls in a row failed
    "format",  # several answers in a row could not be read, or were refused by the output's validator
    "cancelled",
]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one task may take; sub-agents count within it. At each limit the agent gives the best answer it has.

    Args:
        steps: turns in which the model may call tools. When they are spent it is asked once more, for its answer alone.
        tool_calls: calls that are made.
        tokens: that the model writes, the closing answer among them.
        seconds: on the clock, from the start; waiting for a person's approval does not count.
        repeats: how often the same tool may be called with the same arguments.

    Raises:
        ValueError: a limit is 0, negative or no number; the message names it.
    """

    steps: int = 20
    tool_calls: int = 50
    tokens: int = 20_000
    seconds: float = 300.0
    repeats: int = 3

    def __post_init__(self) -> None:
        for field in fields(self):
            value = cast(object, getattr(self, field.name))
            is_number = isinstance(value, int | (float if field.name == "seconds" else int))
            if not is_number or isinstance(value, bool):
                what = "a number" if field.name == "seconds" else "a whole number"
                raise ValueError(f"Limits.{field.name} is {value!r}; it must be {what} above 0.")
            number = cast(float, value)
            if not number > 0 or not math.isfinite(number):
                raise ValueError(f"Limits.{field.name} is {value}; an agent needs a limit above 0 to do anything.")
