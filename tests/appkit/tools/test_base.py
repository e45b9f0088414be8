"""A tool's calls come to a result, whatever the model asked and the function did."""

import asyncio
import contextvars
import dataclasses
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.errors import ToolError
from appkit.messages import ToolSpec
from appkit.tools import Tool, ToolContext, ToolResult, check_tools, tool
from appkit.tools.observation import MAX_BYTES

REQUEST = contextvars.ContextVar("REQUEST", default="none")


@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


def raising(error: BaseException) -> Tool:
    def fail() -> None:
        raise error

    return tool(fail)


def returning(value: Any, timeout_s: float = 60.0) -> Tool:
    def give() -> Any:
        return value

    return tool(give, timeout_s=timeout_s)


def test_a_result_has_the_text_the_value_and_the_time_it_took() -> None:
    result = add.run({"a": 2})
    assert result == ToolResult(text="3", seconds=result.seconds)
    assert result.value == 3
    assert 0 < result.seconds < 5


def test_a_tool_can_be_called_as_the_function_it_is() -> None:
    assert add(2, b=5) == 7


def test_decorator_options_are_kept() -> None:
    @tool(name="send_it", description="Send.", needs_approval=True, timeout_s=5)
    def send(to: str) -> None:
        """Not this."""

    assert (send.name, send.spec.description, send.needs_approval, send.timeout_s) == ("send_it", "Send.", True, 5)


def test_the_default_of_the_function_is_used_not_a_copy() -> None:
    shared: list[int] = []

    @tool
    def keep(number: int, kept: list[int] = shared) -> int:
        kept.append(number)
        return len(kept)

    keep.run({"number": 1})
    assert shared == [1]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "Argument 'a' is missing."),
        ({"a": "ten"}, "Argument 'a' is \"ten\": Input should be a valid integer"),
        ({"a": 1, "c": 2}, "There is no argument 'c'; there is: a, b."),
        ([1, 2], "The arguments must be a JSON object, not list."),
        (None, "The arguments must be a JSON object, not NoneType."),
        ({1: 2}, "Argument 'a' is missing."),
    ],
)
def test_wrong_arguments_are_told_to_the_model(arguments: Any, told: str) -> None:
    result = add.run(arguments)
    assert result.is_error
    assert result.text.startswith(told)


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "1e999", [1.5]])
def test_a_number_is_finite(value: Any) -> None:
    @tool
    def halve(number: float) -> float:
        return number / 2

    assert halve.run({"number": value}).is_error
    assert halve.run({"number": 3}).value == 1.5


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet=st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(["number", "words", "any", "x"]), JSON) | JSON)
def test_no_arguments_make_a_call_raise(arguments: Any) -> None:
    @tool
    def take(number: float = 0, words: list[str] | None = None, any: Any = None) -> Any:
        return [number, words, any]

    result = take.run(arguments)
    result.text.encode()
    assert result.text
    assert len(result.text) < 4096


def test_what_is_said_of_wrong_arguments_stays_short() -> None:
    result = add.run({"a": "x" * 10_000_000, **{f"{'y' * 1000}{idx}": idx for idx in range(100)}})
    assert result.is_error
    assert len(result.text.encode()) < 2 * 1024 + 100


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("no such city"), "ValueError: no such city"),
        (ToolError("Give a city."), "Give a city."),
        (KeyError("x"), "KeyError: 'x'"),
        (RuntimeError(), "RuntimeError"),
        (SystemExit(3), "SystemExit: 3"),
        (GeneratorExit(), "GeneratorExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (ValueError("\x1b[31mred\x1b[0m \u202eevil\ud800"), "ValueError: red \ufffdevil\ufffd"),
    ],
    ids=["value", "tool", "key", "empty", "exit", "generator", "interrupt", "escapes"],
)
def test_what_a_tool_raises_becomes_text(error: BaseException, told: str) -> None:
    result = raising(error).run({})
    assert result.is_error
    assert result.text == told


def test_an_exception_that_cannot_be_shown_still_becomes_text() -> None:
    class BadError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert raising(BadError()).run({}).text == "BadError"


def test_a_long_message_is_cut_to_two_kibibytes() -> None:
    text = raising(ValueError("错" * 1_000_000)).run({}).text
    assert len(text.encode()) < 2 * 1024 + 100
    assert "of 1,000,012 characters" in text


def test_a_tool_that_hangs_ends_at_its_deadline_and_is_not_called_again_until_it_has_ended() -> None:
    release = threading.Event()

    @tool(timeout_s=0.2)
    def hang() -> str:
        release.wait(30)
        return "late"

    started = time.monotonic()
    first, second = hang.run({}), hang.run({})
    assert time.monotonic() - started < 1.2
    assert (first.text, first.is_error) == ("hang gave no result in 0.2 s.", True)
    assert second.is_error
    assert "an earlier call that ran out of time still goes on" in second.text
    threads = [thread for thread in threading.enumerate() if thread.name == "tool-hang"]
    assert len(threads) == 1
    release.set()
    threads[0].join(5)
    assert hang.run({}).text == "late"


def test_a_caller_may_give_a_call_less_time_than_the_tool_has_but_not_more() -> None:
    @tool(timeout_s=0.3)
    def left(context: ToolContext) -> float:
        return context.seconds_left

    assert left.run({}, timeout_s=0.1).value <= 0.1
    assert 0.1 < left.run({}, timeout_s=50).value <= 0.3


def test_a_tool_learns_that_its_time_is_up() -> None:
    stopped = threading.Event()

    @tool(timeout_s=0.1)
    def patient(context: ToolContext) -> None:
        while not context.is_cancelled:
            time.sleep(0.01)
        stopped.set()

    assert patient.run({}).is_error
    assert stopped.wait(2)


def test_another_thread_can_cancel_a_call() -> None:
    seen = threading.Event()
    cancelled = threading.Event()

    @tool
    def patient(context: ToolContext) -> None:
        while not context.is_cancelled:
            time.sleep(0.01)
        seen.set()

    threading.Timer(0.1, cancelled.set).start()
    started = time.monotonic()
    result = patient.run({}, cancelled=cancelled)
    assert (result.text, result.is_error) == ("patient was cancelled.", True)
    assert time.monotonic() - started < 2
    assert seen.wait(2)


def test_a_call_that_is_cancelled_beforehand_is_not_made() -> None:
    made: list[int] = []
    cancelled = threading.Event()
    cancelled.set()
    result = tool(lambda: made.append(1), name="make").run({}, cancelled=cancelled)
    assert (result.text, result.is_error, made) == ("make was cancelled.", True, [])


def test_calls_may_overlap() -> None:
    barrier = threading.Barrier(2)

    @tool(timeout_s=10)
    def meet() -> str:
        barrier.wait(5)
        return "met"

    results: list[ToolResult] = []
    threads = [threading.Thread(target=lambda: results.append(meet.run({}))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.text for result in results] == ["met", "met"]


def test_async_functions_run_and_are_cancelled_at_the_deadline() -> None:
    cancelled = threading.Event()

    @tool(timeout_s=0.2)
    async def wait(seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "waited"

    assert wait.run({"seconds": 0.01}).text == "waited"
    assert wait.run({"seconds": 30}).text == "wait gave no result in 0.2 s."
    assert cancelled.wait(2)


def test_a_tool_sees_the_context_variables_of_its_caller() -> None:
    @tool
    def seen() -> str:
        return REQUEST.get()

    token = REQUEST.set("request 7")
    try:
        assert seen.run({}).text == "request 7"
    finally:
        REQUEST.reset(token)


def test_bytes_and_a_hundred_megabytes_are_held_to_the_limit() -> None:
    huge = "x" * 100_000_000
    started = time.monotonic()
    text = returning(huge).run({}).text
    assert time.monotonic() - started < 1
    assert len(text.encode()) < MAX_BYTES + 200
    assert text.endswith("[Cut here: these are the first 65,536 of 100,000,000 characters.]")
    assert returning("摘要".encode()).run({}).text == "摘要"
    assert returning(b"\x89PNG\0\0").run({}).text == "ValueError: the tool returned 6 bytes that are not text."


def test_methods_closures_and_callable_objects_are_tools_too() -> None:
    class Shop:
        def __init__(self, name: str) -> None:
            self.name = name

        def greet(self, guest: str) -> str:
            return f"{self.name} greets {guest}"

        def __call__(self, guest: str) -> str:
            return f"called by {guest}"

    shop = Shop("Moon")
    assert tool(shop.greet).run({"guest": "Ann"}).text == "Moon greets Ann"
    assert tool(shop, name="shop").run({"guest": "Ann"}).text == "called by Ann"


def test_a_tool_made_by_hand_takes_the_arguments_as_they_are() -> None:
    made = Tool(
        spec=ToolSpec(name="echo", description="", parameters={"type": "object"}), function=lambda **given: given
    )
    assert made.run({"x": 1}).text == '{"x":1}'


def test_a_copy_with_approval_is_the_same_tool_otherwise() -> None:
    gated = dataclasses.replace(add, needs_approval=True)
    assert gated.needs_approval
    assert gated.run({"a": 1}).text == "2"


@pytest.mark.parametrize("name", ["", "1x", "a b", "a-b", "x" * 65, "加", "a\n", "_x"])
def test_a_name_that_no_model_could_call_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be the name of a tool: it must match \[a-zA-Z\]\[a-zA-Z0-9_\]"):
        Tool(spec=ToolSpec(name=name, description=""), function=print)


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf"), 1e30])
def test_a_limit_that_is_none_is_refused(timeout_s: float) -> None:
    with pytest.raises(ValueError, match="timeout_s of add is"):
        dataclasses.replace(add, timeout_s=timeout_s)


def test_two_tools_of_one_name_are_refused_with_both_named() -> None:
    def other(a: int) -> int:
        return a

    assert check_tools([add]) == (add,)
    with pytest.raises(ValueError, match=r"called 'add': tests\.appkit\.tools\.test_base\.add and .*other"):
        check_tools([add, tool(other, name="add")])


@pytest.mark.parametrize("given", [len, "add", None])
def test_what_is_no_tool_is_refused_among_tools(given: Any) -> None:
    with pytest.raises(TypeError, match="is no tool: put @tool before the function"):
        check_tools([given])


@pytest.mark.parametrize("given", [3, "text", add])
def test_only_functions_become_tools(given: Any) -> None:
    with pytest.raises(TypeError, match="takes a function"):
        tool(given)


CTRL_C = """
import sys, time
from appkit.tools import tool

@tool
def hang() -> None:
    print("hanging", flush=True)
    {work}

hang.run({{}})
print("went on")
"""


@pytest.mark.parametrize("work", ["time.sleep(60)", "while True: pass"], ids=["sleeping", "computing"])
def test_ctrl_c_in_the_middle_of_a_tool_ends_the_program_within_a_second(work: str) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CTRL_C.format(work=work)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "hanging\n"
        pressed = time.monotonic()
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=10)
    finally:
        child.kill()
    assert time.monotonic() - pressed < 1
    assert child.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert output == ""


def test_a_tool_that_hangs_does_not_keep_the_program() -> None:
    script = CTRL_C.format(work="time.sleep(60)").replace("@tool", "@tool(timeout_s=0.1)")
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert time.monotonic() - started < 10
    assert done.stdout == "hanging\nwent on\n"


def test_a_thread_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert add.run({"a": 1}).text == "RuntimeError: can't start new thread"


def test_importing_the_tools_costs_no_pydantic() -> None:
    script = "import sys; from appkit.tools import Tool, calculator; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "False\n"
