"""`@tool`: a typed function that a model may call.

    @tool
    def weather(city: str, days: int = 1) -> str:
        \"\"\"The forecast for a city.

        Args:
            city: its name in English.
            days: how many days ahead.
        \"\"\"

Whatever a tool does, a caller gets a `ToolResult`: what went wrong is text for the model, which can try again.
"""

import inspect
import logging
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from appkit.errors import ToolError
from appkit.messages import ToolSpec
from appkit.structured.retry import Retry
from appkit.tools.calls import CallAbandonedError, CallFailedError, Calls, EarlierCallError
from appkit.tools.context import ToolContext
from appkit.tools.example import ToolExample
from appkit.tools.observation import MAX_ERROR_BYTES, bounded, error_text, observed
from appkit.tools.signature import name_of, read_signature

TIMEOUT_S = 60.0
_LOOK_S = 0.05  # how often an async function is asked whether to go on
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What came of a call. `text` is what the model reads, at most 64 KiB and a line that says how much was cut."""

    text: str
    is_error: bool = False
    seconds: float = 0.0  # that the call took
    value: Any = field(default=None, compare=False, repr=False)  # what the function returned


@dataclass(frozen=True, kw_only=True, eq=False)
class Tool:
    """A function with what a model must know to call it. Made by `tool`, or by hand around a schema of one's own.

    Calls may overlap where the function allows it. A call whose time is up is left to its thread, and until that has
    ended the tool refuses others.
    """

    spec: ToolSpec
    function: Callable[..., Any]
    needs_approval: bool = False  # a person is asked before it runs
    timeout_s: float = TIMEOUT_S
    examples: tuple[ToolExample, ...] = ()  # shown in ReAct, the first ones first; two languages may stand here
    # The arguments of a call as keyword arguments of the function; raises ValueError, with a sentence for the model.
    read_arguments: Callable[[Mapping[str, Any]], dict[str, Any]] = field(default=dict, repr=False)
    context_name: str | None = field(default=None, repr=False)  # the parameter that takes the `ToolContext`
    _calls: Calls = field(default_factory=Calls, init=False, repr=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.spec.name):
            raise ValueError(
                f"{self.spec.name[:80]!r} cannot be the name of a tool: it must match {_NAME.pattern}. "
                'Give another: tool(function, name="…").'
            )
        if not (math.isfinite(self.timeout_s) and 0 < self.timeout_s <= threading.TIMEOUT_MAX):
            raise ValueError(f"timeout_s of {self.name} is {self.timeout_s}; it must be a positive number of seconds.")

    @property
    def name(self) -> str:
        """As the model calls it."""
        return self.spec.name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the plain function."""
        return self.function(*args, **kwargs)

    def run(
        self,
        arguments: Mapping[str, Any],
        *,
        timeout_s: float | None = None,
        cancelled: threading.Event | None = None,
    ) -> ToolResult:
        """Check `arguments`, call the function in a thread and give its result as text.

        Never raises for what the model or the tool did; only what interrupts the caller (Ctrl-C) comes through, at
        once.

        Args:
            timeout_s: less time than the tool's own limit; more is not given.
            cancelled: set it from another thread to end the waiting.
        """
        limit_s = self.timeout_s if timeout_s is None else max(0.0, min(self.timeout_s, timeout_s))
        start = time.monotonic()
        value, is_error = None, True
        try:
            text, value = self._calls.run(
                lambda context: self._observe(arguments, context), limit_s, name=self.name, cancelled=cancelled
            )
            is_error = False
        except CallAbandonedError:
            was_cancelled = cancelled is not None and cancelled.is_set()
            text = f"{self.name} was cancelled." if was_cancelled else f"{self.name} gave no result in {limit_s:g} s."
        except EarlierCallError:
            text = f"{self.name} cannot be called: an earlier call that ran out of time still goes on."
        except CallFailedError as error:
            text = self._failure(error.__cause__)
        return ToolResult(text=text, is_error=is_error, seconds=time.monotonic() - start, value=value)

    def _observe(self, arguments: Mapping[str, Any], context: ToolContext) -> tuple[str, Any]:
        if not isinstance(arguments, Mapping):
            raise ToolError(f"The arguments must be a JSON object, not {type(arguments).__name__}.", self.name)
        try:
            read = self.read_arguments(arguments)
        except ValueError as error:
            raise ToolError(str(error), self.name) from error
        if self.context_name is not None:
            read[self.context_name] = context
        value = self.function(**read)
        if inspect.isawaitable(value):
            value = _awaited(value, context)
        return observed(value), value

    def _failure(self, error: BaseException | None) -> str:
        assert error is not None
        _log.debug("The tool %s failed.", self.name, exc_info=error)
        if isinstance(error, ToolError | Retry):  # said for the model
            return bounded(str(error), MAX_ERROR_BYTES)
        return error_text(error)


@overload
def tool(
    function: Callable[..., Any],
    *,
    name: str | None = None,
    description: str | None = None,
    needs_approval: bool = False,
    timeout_s: float = TIMEOUT_S,
    examples: Sequence[ToolExample] = (),
) -> Tool: ...
@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    needs_approval: bool = False,
    timeout_s: float = TIMEOUT_S,
    examples: Sequence[ToolExample] = (),
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    needs_approval: bool = False,
    timeout_s: float = TIMEOUT_S,
    examples: Sequence[ToolExample] = (),
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """A tool of a typed function; as a decorator with or without arguments.

    The model is shown the function's name, the first paragraph of its docstring, and its parameters with their
    annotations and what the docstring says of them ("Args:" or ":param name:"). A parameter annotated `ToolContext` is
    filled in by the caller and not shown. An async function runs in an event loop of its own.

    Args:
        name: instead of the function's own.
        description: instead of the docstring's first paragraph.
        needs_approval: a person is asked before each call.
        timeout_s: after which a call is answered with an error.
        examples: of its use, for models that learn from being shown.

    Raises:
        TypeError: a parameter cannot be given by name as JSON.
        ValueError: the name or the limit is none.
    """
    if function is None:
        return lambda given: tool(
            given,
            name=name,
            description=description,
            needs_approval=needs_approval,
            timeout_s=timeout_s,
            examples=examples,
        )
    if isinstance(function, Tool) or not callable(function):
        raise TypeError(f"tool() takes a function, not {type(function).__name__}.")
    signature = read_signature(function)
    return Tool(
        spec=ToolSpec(
            name=name or name_of(function),
            description=signature.description if description is None else description,
            parameters=signature.schema,
        ),
        function=function,
        needs_approval=needs_approval,
        timeout_s=timeout_s,
        examples=tuple(examples),
        read_arguments=signature.read,
        context_name=signature.context_name,
    )


def check_tools(tools: Iterable[Tool]) -> tuple[Tool, ...]:
    """`tools`, each under a name of its own.

    Raises:
        ValueError: two have one name.
        TypeError: something else is among them.
    """
    by_name: dict[str, Tool] = {}
    for given in tools:
        if not isinstance(given, Tool):
            raise TypeError(f"{given!r} is no tool: put @tool before the function, or pass tool(function).")
        other = by_name.get(given.name)
        if other is not None:
            raise ValueError(
                f"Two tools are called {given.name!r}: {_place(other)} and {_place(given)}. Rename one: "
                'tool(function, name="…").'
            )
        by_name[given.name] = given
    return tuple(by_name.values())


def _place(given: Tool) -> str:
    function = given.function
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', type(function).__name__)}"


def _awaited(value: Any, context: ToolContext) -> Any:
    """What comes of an awaitable, in an event loop of this thread; it is cancelled when nobody waits any more."""
    import asyncio

    async def until_cancelled() -> Any:
        task = asyncio.ensure_future(value)
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_S)
            if context.is_cancelled:
                task.cancel()
        return await task

    try:
        return asyncio.run(until_cancelled())
    except asyncio.CancelledError as error:
        if context.is_cancelled:  # who waits may not have noticed yet
            raise CallAbandonedError from error
        raise
