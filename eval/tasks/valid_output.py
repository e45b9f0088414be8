"""Does constrained output always parse and validate, whatever the model draws and however short the limit?

    python -m eval.tasks.valid_output MODEL [--count 500] [--first 0] [--temperature 1.5] [--in-flight 8] [--save NAME]

Generation i takes constraint i of those in `eval/tasks/constrained_cases.py`, in turn, the seed i, and a limit from the
fewest tokens that any match takes up to 512: every third time the fewest and up to three more, every 25th time 512,
else any number between, small ones as often as large ones by their logarithm. What is written is then checked by code
that knows nothing of constraints. Random weights are as good a test as any: `python -m tests.helpers.random_model`.
"""

import argparse
import json
import math
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eval.tasks.constrained_cases import Case, cases
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results
from runtime import ConstraintLimitError, Engine, Handle, Request, Result, SamplingParams, load_model

MAX_TOKENS = 512
PROMPTS = ("Answer:", "The result is", "Explain in detail what happened in 1969, and why.\n", "请用中文回答：")
ABOUT = """
`valid` are generations that parse and pass the check of their case. `forced` are tokens that the constraint left no
choice about, which cost no step of the model. `at the limit` are those that used up all their tokens.
"""


@dataclass(frozen=True)
class Generation:
    """One generation, finished."""

    case: Case
    limit: int
    result: Result

    def is_valid(self) -> bool:
        """It passes the check and keeps its limit."""
        try:
            return bool(self.case.check(self.result.text)) and self.result.completion_tokens <= self.limit
        except (ValueError, SyntaxError, KeyError, TypeError, AttributeError):
            return False


def main(arguments: list[str]) -> None:
    """Generate, check and print; with --save, also into `eval/results`."""
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.valid_output", description=__doc__)
    parser.add_argument("model", help="a model of the catalogue, or a GGUF file")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--temperature", type=float, default=1.5)
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--save", metavar="NAME", help="of the run, in the results")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    with load_model(options.model) as model, Engine(model) as engine:
        numbers = range(options.first, options.first + options.count)
        made = list(generations(engine, numbers, options.temperature, options.in_flight))
    figures = figures_of(made, time.perf_counter() - start) | provenance("eval.tasks.valid_output", *arguments)
    sys.stdout.write(json.dumps(figures, ensure_ascii=False, indent=1) + "\n")
    if options.save:
        write_results(
            "valid-output", options.save, figures, title="Constrained output is valid", about=ABOUT, as_markdown=_page
        )


def generations(engine: Engine, numbers: range, temperature: float, in_flight: int = 8) -> Iterator[Generation]:
    """Generation after generation, `in_flight` at once."""
    known = cases()
    fewest = {case.name: fewest_tokens(engine, case) for case in known}
    waiting: deque[tuple[Case, int, Handle]] = deque()
    for number in numbers:
        case = known[number % len(known)]
        limit = _limit(number, fewest[case.name])
        if len(waiting) == in_flight:
            yield _finished(*waiting.popleft())
        params = SamplingParams(temperature=temperature, seed=number, max_tokens=limit)
        prompt_ids = tuple(engine.model.tokenizer.encode(PROMPTS[number % len(PROMPTS)], add_special=True))
        handle = engine.submit(Request(prompt_ids=prompt_ids, params=params, constraint=case.constraint))
        waiting.append((case, limit, handle))
    for one in waiting:
        yield _finished(*one)


def fewest_tokens(engine: Engine, case: Case) -> int:
    """The smallest limit under which the constraint of `case` can be met."""
    try:
        request = Request(prompt_ids=(0,), params=SamplingParams(max_tokens=1), constraint=case.constraint)
        engine.submit(request).result()
    except ConstraintLimitError as error:
        return error.num_tokens
    return 1


def figures_of(made: list[Generation], seconds: float) -> dict[str, Any]:
    """What is printed: totals, and the text of each that is not valid."""
    wrong = [one for one in made if not one.is_valid()]
    tokens = sum(one.result.completion_tokens for one in made)
    forced = sum(one.result.forced_tokens for one in made)
    return {
        "generations": len(made),
        "valid": len(made) - len(wrong),
        "wrong": [{"case": one.case.name, "limit": one.limit, "text": one.result.text[:500]} for one in wrong[:20]],
        "cases": dict(Counter(one.case.name for one in made)),
        "limits": [min(one.limit for one in made), max(one.limit for one in made)],
        "at_the_limit": sum(one.result.completion_tokens == one.limit for one in made),
        "tokens": tokens,
        "forced_share": round(forced / tokens, 3),
        "tokens_per_s": round(tokens / seconds, 1),
    }


def _limit(number: int, fewest: int) -> int:
    rng = random.Random(number)  # noqa: S311 - limits, not secrets
    if number % 3 == 0:
        return fewest + rng.randrange(4)
    if number % 25 == 0:
        return MAX_TOKENS
    return round(math.exp(rng.uniform(math.log(fewest), math.log(MAX_TOKENS))))


def _finished(case: Case, limit: int, handle: Handle) -> Generation:
    return Generation(case, limit, handle.result())


def _page(figures: dict[str, Any]) -> str:
    return (
        f"**{figures['valid']} of {figures['generations']} valid**, over {len(figures['cases'])} constraints, limits "
        f"{figures['limits'][0]} to {figures['limits'][1]}; {figures['at_the_limit']} at the limit; "
        f"{figures['tokens']:,} tokens, {figures['forced_share']:.0%} of them forced; "
        f"{figures['tokens_per_s']} tokens/s."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
