"""Our side of a benchmark: an engine over a model file, timed case by case."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eval.speed.cases import Case
from runtime import Engine, Handle, Request, SamplingParams, load_model


@dataclass
class Timed:
    """What one process measured of one side."""

    load_s: float  # from the call to a model that can be asked
    first_token_s: float  # of a short prompt, after loading
    tokens_per_s: dict[str, list[float]] = field(default_factory=dict)  # by case, a repetition each


def measure(path: Path, cases: Sequence[Case], repetitions: int, num_threads: int) -> Timed:
    """Load, warm up, and time each case `repetitions` times.

    Raises:
        RuntimeError: sequences so short that some ended before others began.
        What loading and running raise.
    """
    began = time.perf_counter()
    with load_model(path, num_threads=num_threads) as model, Engine(model) as engine:
        loaded = time.perf_counter()
        _run(engine, Case(name="warm-up", prompt_len=8), 0)
        timed = Timed(load_s=loaded - began, first_token_s=time.perf_counter() - loaded)
        _run(engine, Case(name="warm-up", prompt_len=64, new_tokens=8), 0)
        for case in cases:
            timed.tokens_per_s[case.name] = [_run(engine, case, repetition) for repetition in range(repetitions)]
    return timed


def _run(engine: Engine, case: Case, repetition: int) -> float:
    """Tokens a second of one case: read, or written by all sequences while all are writing."""
    params = SamplingParams(temperature=0, max_tokens=case.new_tokens + 1, ignore_eos=True)
    prompts = case.prompts(engine.model.config.vocab_size, repetition)
    began = time.perf_counter()
    handles = [engine.submit(Request(prompt_ids=tuple(ids), params=params)) for ids in prompts]
    times = _times_of_pieces(handles)
    if not case.new_tokens:
        return case.num_sequences * case.prompt_len / (max(pieces[0] for pieces in times) - began)
    start, end = max(pieces[0] for pieces in times), min(pieces[-1] for pieces in times)
    if start >= end:
        raise RuntimeError(f"{case.name}: no moment in which all {case.num_sequences} sequences were writing.")
    return sum(sum(start < moment <= end for moment in pieces) for pieces in times) / (end - start)


def _times_of_pieces(handles: Sequence[Handle]) -> list[list[float]]:
    """When each token came, by sequence."""
    times: list[list[float]] = [[] for _ in handles]

    def listen(handle: Handle, moments: list[float]) -> None:
        for piece in handle:
            moments += [time.perf_counter()] * len(piece.token_ids)

    threads = [threading.Thread(target=listen, args=pair) for pair in zip(handles, times, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for handle in handles:
        handle.result()  # raises what went wrong
    return times
