"""Runs the test cases of prompts on a model, one after the other."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from appkit.errors import AppkitError, TemplateError
from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.llm.open import DEFAULT_MODEL
from appkit.templates import Prompt, PromptCase, PromptFile
from runtime.errors import ModelRuntimeError

# Where a prompt leaves them open: the likeliest answer, so that no case passes by a lucky draw, and a model that does
# not stop is stopped. The seed is for prompts that have a temperature of their own: a run can be repeated.
DEFAULTS = {"temperature": 0.0, "seed": 0, "max_tokens": 256}


def model_for(file: PromptFile) -> str:
    """The model that a prompt's cases were written for; the default one where it names none or cannot be read."""
    try:
        return file.load().tested_on or DEFAULT_MODEL
    except TemplateError:
        return DEFAULT_MODEL


def run_cases(files: Sequence[PromptFile], model: LanguageModel) -> Iterator[dict[str, Any]]:
    """A result for each case as it is done: prompt, case, passed, faults, text (None without an answer), seconds.

    A prompt that cannot be read is a result as well, one without a case's name.
    """
    for file in files:
        try:
            prompt = file.load()
            prompt.check()
        except TemplateError as error:
            yield _result(file.name, "", [str(error)], None, 0.0)
            continue
        for case in prompt.tests:
            yield run_case(prompt, case, model)


def run_case(prompt: Prompt, case: PromptCase, model: LanguageModel) -> dict[str, Any]:
    """The result of one case. What goes wrong on the way is a fault of the case."""
    started = time.perf_counter()
    answer, faults = None, []
    try:
        completion = model.chat(
            prompt.render(**case.variables),
            GenerationSettings(**{**DEFAULTS, **prompt.options}),
            constraint=prompt.constraint(**case.variables),
        )
        answer = completion.text
        faults = case.check(answer)
    except (AppkitError, ModelRuntimeError, ValueError) as error:
        faults = [" ".join(str(error).split())]
    return _result(prompt.name, case.name, faults, answer, time.perf_counter() - started)


def _result(prompt: str, case: str, faults: list[str], answer: str | None, seconds: float) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "case": case,
        "passed": not faults,
        "faults": faults,
        "text": answer,
        "seconds": round(seconds, 3),
    }
