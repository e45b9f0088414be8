"""Several tries at one question at once: they share the prompt's keys and values, and one batch decodes them all."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import replace
from threading import Event

from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.reasoning.thinking import ChainOfThought, Question, Reasoned, finish, prepare

MAX_SAMPLES = 64
TEMPERATURE = 0.7  # where the settings leave it open; as in arXiv:2203.11171, §3.1
SEED = 0


def draw_samples(
    model: LanguageModel, question: Question, how: ChainOfThought, n: int
) -> Generator[tuple[int, Reasoned]]:
    """Samples with their numbers, each as soon as it is finished. Closing the iterator cancels the others.

    Sample i draws with the seed of the settings, or 0, plus i: on a local model the same call gives the same samples.
    All are begun before the first is waited for.

    Raises:
        ValueError: n is out of range, or the temperature is 0, at which all samples would be equal.
        What `think` raises.
    """
    if not 1 <= n <= MAX_SAMPLES:
        raise ValueError(f"n is {n}; draw 1 to {MAX_SAMPLES} samples.")
    task = prepare(question, how)
    settings = _sampling(task.settings, n)
    is_over = Event()
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(n, "appkit-sample"))  # left last, when nothing is under way
        tasks = [replace(task, settings=_of_sample(settings, idx)) for idx in range(n)]
        streams = [stack.enter_context(model.stream(task.messages, task.settings)) for task in tasks]
        stack.callback(is_over.set)  # the first thing on the way out
        futures = {
            pool.submit(finish, model, task, stream, is_over.is_set): idx
            for idx, (task, stream) in enumerate(zip(tasks, streams, strict=True))
        }
        for future in as_completed(futures):
            yield futures[future], future.result()


def _sampling(settings: GenerationSettings, n: int) -> GenerationSettings:
    if settings.temperature == 0 and n > 1:
        raise ValueError(f"temperature is 0, at which {n} samples are one and the same: use 0.5 to 1, or n=1.")
    temperature = TEMPERATURE if settings.temperature is None else settings.temperature
    return replace(settings, temperature=temperature, seed=SEED if settings.seed is None else settings.seed)


def _of_sample(settings: GenerationSettings, idx: int) -> GenerationSettings:
    assert settings.seed is not None
    return replace(settings, seed=(settings.seed + idx) % 2**64)
