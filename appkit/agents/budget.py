"""`Budget`: what is left of the limits of one task."""

import hashlib
import json
import time
from collections import Counter
from dataclasses import replace

from appkit.agents.limits import Limits, StopReason
from appkit.agents.state import Spent
from appkit.messages import ToolCall

MIN_STEP_TOKENS = 16  # with fewer a step cannot say anything: they go to the closing answer
RESERVED_TOKENS = 0.25  # of the limit, but no more than a step takes: kept for the closing answer
RESERVED_SECONDS = 0.1  # of the limit, but no more than the next line: kept for the closing answer
MAX_RESERVED_S = 10.0
MAX_TOOL_ERRORS = 3  # in a row
MAX_REPAIRS = 2  # in a row


class Budget:
    """Counts what a task takes. Made when its work begins, or goes on: seconds run from then.

    Args:
        spent: what it took before.
        step_tokens: that one step may write.
    """

    def __init__(self, limits: Limits, spent: Spent, *, step_tokens: int) -> None:
        self.limits = limits
        self.steps = spent.steps
        self.tool_calls = spent.tool_calls
        self.tokens = spent.tokens
        self.tool_errors = spent.tool_errors
        self.repairs = spent.repairs
        self._repeats = Counter(spent.repeats)
        self._step_tokens = step_tokens
        self._reserved_tokens = min(step_tokens, int(RESERVED_TOKENS * limits.tokens))
        self._reserved_s = min(MAX_RESERVED_S, RESERVED_SECONDS * limits.seconds)
        self._seconds_before = spent.seconds
        self._started = time.monotonic()

    def spent(self) -> Spent:
        """What the task has taken up to now."""
        return Spent(
            steps=self.steps,
            tool_calls=self.tool_calls,
            tokens=self.tokens,
            seconds=round(self._seconds_before + time.monotonic() - self._started, 3),
            tool_errors=self.tool_errors,
            repairs=self.repairs,
            repeats=dict(self._repeats),
        )

    def exhausted(self) -> StopReason | None:
        """The limit that leaves no room for another step; None where there is room."""
        if self.steps >= self.limits.steps:
            return "steps"
        if self.step_tokens < min(MIN_STEP_TOKENS, self._step_tokens):
            return "tokens"
        return "seconds" if self.work_seconds_left <= 0 else None

    @property
    def step_tokens(self) -> int:
        """That the next step may write."""
        return max(0, min(self._step_tokens, self._tokens_left - self._reserved_tokens))

    @property
    def closing_tokens(self) -> int:
        """That the closing answer may take."""
        return max(0, min(self._step_tokens, self._tokens_left))

    @property
    def seconds_left(self) -> float:
        """To the end of the run."""
        return self.limits.seconds - self._seconds_before - (time.monotonic() - self._started)

    @property
    def work_seconds_left(self) -> float:
        """For steps and tools; a rest is kept for the closing answer."""
        return self.seconds_left - self._reserved_s

    def call_limit(self, call: ToolCall) -> StopReason | None:
        """The limit that `call` would pass; None where it may be made."""
        if self.tool_calls >= self.limits.tool_calls:
            return "tool_calls"
        if self._repeats[call_key(call)] >= self.limits.repeats:
            return "repeats"
        return "seconds" if self.work_seconds_left <= 0 else None

    def count_call(self, call: ToolCall) -> None:
        """`call` is made, or a person has refused it."""
        self.tool_calls += 1
        self._repeats[call_key(call)] += 1

    def for_subagent(self, limits: Limits) -> Limits | None:
        """`limits`, no wider than what is left here; None where nothing is left."""
        steps = min(limits.steps, self.limits.steps - self.steps)
        tool_calls = min(limits.tool_calls, self.limits.tool_calls - self.tool_calls)
        tokens = min(limits.tokens, self._tokens_left - self._reserved_tokens)
        seconds = min(limits.seconds, self.work_seconds_left)
        if min(steps, tool_calls, tokens) < 1 or seconds <= 0:
            return None
        return replace(limits, steps=steps, tool_calls=tool_calls, tokens=tokens, seconds=seconds)

    def count_subagent(self, spent: Spent) -> None:
        """What a sub-agent took counts here too; its seconds have passed anyway."""
        self.steps += spent.steps
        self.tool_calls += spent.tool_calls
        self.tokens += spent.tokens

    @property
    def _tokens_left(self) -> int:
        return self.limits.tokens - self.tokens


def call_key(call: ToolCall) -> str:
    """The same for calls of one tool with equal arguments."""
    arguments = json.dumps(dict(call.arguments), sort_keys=True, default=str)
    return hashlib.blake2b(f"{call.name} {arguments}".encode("utf-8", "replace"), digest_size=12).hexdigest()
