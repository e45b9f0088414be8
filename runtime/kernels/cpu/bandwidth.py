"""How fast this machine's memory can be read: what no decoding can pass, since every token reads every weight."""

import statistics
import time

import numpy as np

from runtime.kernels.cpu import _cpu
from runtime.kernels.cpu.threads import default_num_threads

_READ_BYTES = 256 << 20  # well beyond a last-level cache
_READS = 9


def measure_bandwidth(num_threads: int | None = None, num_bytes: int = _READ_BYTES) -> float:
    """Bytes a second that `num_threads` read together, the median of several passes over memory of `num_bytes`.

    Shared machines drift: compare only with what ran in the same minutes.
    """
    executor = _cpu.Executor(num_threads or default_num_threads())
    words = np.full(num_bytes // 8, 3, np.uint64)
    seconds = []
    for _ in range(_READS):
        began = time.perf_counter()
        total = _cpu.read_memory(executor, words)
        seconds.append(time.perf_counter() - began)
        if total != 3 * len(words):
            raise RuntimeError(f"Memory was read wrongly: the sum is {total}, not {3 * len(words)}.")
    return words.nbytes / statistics.median(seconds)
