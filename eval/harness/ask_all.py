"""Asks samples, several at a time where that pays."""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from eval.harness.task import Answered, Sample, Session


def ask_all(session: Session, samples: Sequence[Sample]) -> Iterator[tuple[Sample, Answered]]:
    """Each sample with what came of it, in the order in which they are done.

    Where asking one raises, no other is begun; those under way are given first, then the error is raised. Where the
    consumer stops, or Ctrl-C is pressed, nobody waits for those under way.
    """
    if session.max_in_flight == 1:
        for sample in samples:
            yield sample, session.ask(sample)
        return
    waiting = iter(samples)
    failure: BaseException | None = None
    pool = ThreadPoolExecutor(session.max_in_flight, thread_name_prefix="evaluation")
    try:
        running: dict[Future[Answered], Sample] = {
            pool.submit(session.ask, sample): sample for sample in islice(waiting, session.max_in_flight)
        }
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                sample = running.pop(future)
                failure = failure or future.exception()
                if failure is None:
                    running |= {pool.submit(session.ask, later): later for later in islice(waiting, 1)}
                if future.exception() is None:
                    yield sample, future.result()
        if failure is not None:
            raise failure
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
