"""Parallel sections: independent calls side by side. A local model decodes them as one batch."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
MAX_WORKERS = 16  # what an engine runs in one forward


def parallel(jobs: Sequence[Callable[[], T]], *, max_workers: int = MAX_WORKERS) -> list[T]:
    """Run all `jobs` at once and wait for them: their results in their order. `vote` counts them, where they answer.

    Raises:
        ValueError: `max_workers` is below 1.
        What a job raises; of several the first in order. Jobs not begun are left out then, others run to their end.
    """
    if max_workers < 1:
        raise ValueError(f"max_workers is {max_workers}; at least 1 job must run.")
    if not jobs:
        return []
    with ThreadPoolExecutor(min(max_workers, len(jobs)), "appkit-parallel") as pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
