"""Work has a deadline, and what never ends keeps nobody."""

import threading
import time

import pytest

from appkit.server.deadline import DeadlineError, Worker


def test_a_result_and_an_error_come_through() -> None:
    worker = Worker()
    assert worker.run(lambda: 7, timeout_s=5) == 7
    with pytest.raises(TimeoutError, match="its own"):
        worker.run(lambda: (_ for _ in ()).throw(TimeoutError("its own")), timeout_s=5)


def test_work_that_does_not_end_is_given_up_in_time() -> None:
    never = threading.Event()
    started = time.monotonic()
    with pytest.raises(DeadlineError, match=r"No result after 0\.2 s: it goes on"):
        Worker().run(never.wait, timeout_s=0.2)
    assert time.monotonic() - started < 1.2
    never.set()


def test_work_that_waits_behind_other_work_is_not_done_after_its_deadline() -> None:
    worker, release, done = Worker(), threading.Event(), list[int]()
    worker.begin(release.wait)
    with pytest.raises(DeadlineError, match="an earlier call"):
        worker.run(lambda: done.append(1), timeout_s=0.1)
    release.set()
    worker.run(lambda: None, timeout_s=5)
    assert done == []
