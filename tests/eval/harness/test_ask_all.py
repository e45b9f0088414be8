"""Asking several samples at once: how many, what a failure leaves, and that nobody waits after Ctrl-C."""

import threading
import time
from collections.abc import Callable

import pytest

from eval.harness.ask_all import ask_all
from eval.harness.task import Answered, Sample
from eval.tasks.python_task import AskedSession

SAMPLES = [Sample(doc_id=number, doc={}, target=None) for number in range(10)]


def session(ask: Callable[[Sample], Answered], in_flight: int) -> AskedSession:
    return AskedSession(samples=SAMPLES, ask=ask, figures=lambda samples, answers: {}, max_in_flight=in_flight)


def answer(sample: Sample) -> Answered:
    return Answered(arguments=[], resps=[], filtered_resps=[], values={"acc": sample.doc_id})


@pytest.mark.parametrize("in_flight", [1, 3, 50])
def test_every_sample_comes_once_with_its_own_answer(in_flight: int) -> None:
    given = list(ask_all(session(answer, in_flight), SAMPLES))
    assert sorted(sample.doc_id for sample, _ in given) == list(range(10))
    assert all(answered.values["acc"] == sample.doc_id for sample, answered in given)


def test_no_more_are_asked_at_once_than_it_pays() -> None:
    lock, under_way, most = threading.Lock(), 0, 0

    def ask(sample: Sample) -> Answered:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.005)
        with lock:
            under_way -= 1
        return answer(sample)

    list(ask_all(session(ask, 3), SAMPLES))
    assert most == 3


@pytest.mark.parametrize("in_flight", [1, 4])
def test_nothing_is_begun_after_a_failure_and_what_was_is_given(in_flight: int) -> None:
    begun: list[int] = []
    failing = threading.Event()

    def ask(sample: Sample) -> Answered:
        begun.append(sample.doc_id)
        if sample.doc_id == 0:
            failing.set()
            raise OSError("dead")
        failing.wait(10)
        time.sleep(0.1)  # until it is known that the other one failed
        return answer(sample)

    given = []
    with pytest.raises(OSError, match="dead"):
        for sample, _ in ask_all(session(ask, in_flight), SAMPLES):
            given.append(sample.doc_id)
    assert sorted(begun) == list(range(in_flight))
    assert sorted(given) == list(range(1, in_flight))


def test_who_stops_listening_waits_for_nobody() -> None:
    hold = threading.Event()

    def ask(sample: Sample) -> Answered:
        if sample.doc_id:
            hold.wait(30)
        return answer(sample)

    answers = ask_all(session(ask, 4), SAMPLES)
    next(answers)
    started = time.monotonic()
    answers.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 10
    hold.set()
