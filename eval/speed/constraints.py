"""What constraints cost: milliseconds to compile, microseconds for a mask and to check a token that is taken.

    python -m eval.speed.constraints MODEL… [--steps 600] [--save]

Each model gives its vocabulary; `python -m tests.helpers.random_model` writes one around any vocabulary. Tokens are
drawn at random among those allowed, so that texts wander as far as the constraint lets them. A step of decoding is a
mask and a token taken. Compiling is timed on constraints that are new each time, after one that reads the vocabulary.
Times are of the processor, so that what else runs on the machine counts little.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.tasks.constrained_cases import Case, cases
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results
from runtime import Constraint, Engine, Request, SamplingParams, Tokenizer, compile_constraint, load_model

MAX_TOKENS = 500
COMPILES = 5
DECODED = 120
NUM_TOOLS = 20
ABOUT = """
`compile` is the median of constraints that had not been seen. `mask` is what is computed before each token, `take` what
is computed once it is drawn: whether the text can still be closed in time, and how. Both are means and 99th percentiles
in microseconds, over all steps. Decoding is of one sequence, without and with a constraint that any text meets. All are
processor time.
"""


@dataclass
class Times:
    """Seconds of one constraint."""

    compiles: list[float] = field(default_factory=list)
    masks: list[float] = field(default_factory=list)
    takes: list[float] = field(default_factory=list)


def main(arguments: list[str]) -> None:
    """Measure and print; with --save, also into `eval/results`."""
    parser = argparse.ArgumentParser(prog="python -m eval.speed.constraints", description=__doc__)
    parser.add_argument("models", nargs="+", help="of the catalogue, or GGUF files")
    parser.add_argument("--steps", type=int, default=600, help="of each constraint")
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(arguments)
    for name in options.models:
        with load_model(name) as model:
            figures = measure(model.tokenizer, options.steps)
            with Engine(model) as engine:
                figures |= decoding(engine)
        figures |= provenance("eval.speed.constraints", *arguments)
        sys.stdout.write(json.dumps(figures, ensure_ascii=False, indent=1) + "\n")
        if options.save:
            run = f"{Path(name).stem}, {figures['vocabulary']:,} tokens"
            write_results("constraints", run, figures, title="What constraints cost", about=ABOUT, as_markdown=_page)


def measure(tokenizer: Tokenizer, num_steps: int) -> dict[str, Any]:
    """Figures of each case and of all of them."""
    compile_constraint(Constraint("choice", ("yes", "no")), tokenizer)
    times = {case.name: _times(case, tokenizer, num_steps) for case in (*cases(), *agent_cases())}
    masks = [seconds for found in times.values() for seconds in found.masks]
    takes = [seconds for found in times.values() for seconds in found.takes]
    return {
        "vocabulary": tokenizer.vocab_size,
        "mask_us": _microseconds(masks),
        "take_us": _microseconds(takes),
        "cases": {
            name: {
                "compile_ms": round(statistics.median(found.compiles) * 1e3, 2),
                "mask_us": _microseconds(found.masks),
                "take_us": _microseconds(found.takes),
            }
            for name, found in times.items()
        },
    }


def agent_cases() -> tuple[Case, ...]:
    """What an agent with many tools needs."""
    union = Constraint("json_schema", json.dumps({"anyOf": [_call(number) for number in range(NUM_TOOLS)]}))
    labels = tuple(f"label {number}" for number in range(500))
    return (
        Case(name=f"schema: a call of one of {NUM_TOOLS} tools", constraint=union, check=bool),
        Case(name=f"grammar: a thought, then one of {NUM_TOOLS} tools or an answer", constraint=_react(), check=bool),
        Case(name="choice of 500", constraint=Constraint("choice", labels), check=bool),
    )


def _call(number: int) -> dict[str, Any]:
    properties = {"name": {"const": f"tool_{number}"}, "arguments": _arguments(number)}
    return {
        "type": "object",
        "properties": properties,
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }


def _arguments(number: int) -> dict[str, Any]:
    text = {"type": "string"}
    properties = {"query": text, f"limit_{number}": {"type": "integer"}, "fields": {"type": "array", "items": text}}
    return {"type": "object", "properties": properties, "required": ["query"], "additionalProperties": False}


def _react() -> Constraint:
    actions = " | ".join(f'"Action: tool_{i}\\nAction Input: " @arguments_{i}' for i in range(NUM_TOOLS))
    lines = [
        'start: "Thought: " THOUGHT "\\n" (action | "Final Answer: " ANSWER)',
        r"THOUGHT: /[^\n]+/",
        r"ANSWER: /(?s:.+)/",
        f"action: {actions}",
    ]
    parts = ((f"arguments_{i}", Constraint("json_schema", json.dumps(_arguments(i)))) for i in range(NUM_TOOLS))
    return Constraint("grammar", "\n".join(lines), parts=tuple(parts))


def decoding(engine: Engine) -> dict[str, Any]:
    """Milliseconds of a token without and with a constraint, one sequence at a time, all threads together."""

    def milliseconds(constraint: Constraint | None) -> float:
        params = SamplingParams(temperature=1.0, seed=1, max_tokens=DECODED, ignore_eos=True)
        prompt_ids = tuple(engine.model.tokenizer.encode("Once upon a time", add_special=True))
        start = time.process_time()
        result = engine.submit(Request(prompt_ids=prompt_ids, params=params, constraint=constraint)).result()
        return 1e3 * (time.process_time() - start) / result.completion_tokens

    any_text = Constraint("regex", r"(?s:.)+")
    milliseconds(any_text)
    free, held = (min(milliseconds(constraint) for _ in range(3)) for constraint in (None, any_text))
    return {"ms_a_token": {"free": round(free, 3), "constrained": round(held, 3)}}


def _times(case: Case, tokenizer: Tokenizer, num_steps: int) -> Times:
    times = Times()
    rng = np.random.default_rng(1)
    for number in range(COMPILES):
        unseen = _unseen(case.constraint, number)
        start = time.thread_time()
        compile_constraint(unseen, tokenizer)
        times.compiles.append(time.thread_time() - start)
    while len(times.masks) < num_steps:
        _walk(case.constraint, tokenizer, rng, times, num_steps - len(times.masks))
    return times


def _unseen(constraint: Constraint, number: int) -> Constraint:
    """The same with something at its end that makes it another one."""
    source = constraint.source
    if isinstance(source, tuple):
        return replace(constraint, source=(*source, f"other {number}"))
    ends = {"json_schema": " " * number, "regex": "(?:)" * number, "grammar": "\n" * number}
    return replace(constraint, source=source + ends.get(constraint.kind, "." * number))


def _walk(constraint: Constraint, tokenizer: Tokenizer, rng: np.random.Generator, times: Times, num_steps: int) -> None:
    """One text, or its start: tokens drawn at random among those allowed, the end only where nothing else is."""
    matcher = compile_constraint(constraint, tokenizer, MAX_TOKENS)
    ends = np.array(sorted(tokenizer.eog_ids))
    for step in range(min(num_steps, MAX_TOKENS)):
        start = time.thread_time()
        mask = matcher.mask()
        times.masks.append(time.thread_time() - start)
        allowed = np.setdiff1d(np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")), ends)
        if not len(allowed):
            return
        token_id = int(rng.choice(allowed))
        start = time.thread_time()
        is_taken = matcher.try_accept(token_id, MAX_TOKENS - step - 1)
        times.takes.append(time.thread_time() - start)
        if not is_taken or matcher.is_finished():
            return


def _microseconds(seconds: Sequence[float]) -> dict[str, float]:
    return {"mean": round(float(np.mean(seconds)) * 1e6, 1), "p99": round(float(np.percentile(seconds, 99)) * 1e6, 1)}


def _page(figures: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {found['compile_ms']} | {found['mask_us']['mean']} | {found['mask_us']['p99']} | "
        f"{found['take_us']['mean']} | {found['take_us']['p99']} |"
        for name, found in figures["cases"].items()
    ]
    ms = figures["ms_a_token"]
    return "\n".join(
        [
            f"Vocabulary of {figures['vocabulary']:,}: mask {figures['mask_us']['mean']} µs on average, p99 "
            f"{figures['mask_us']['p99']}; take {figures['take_us']['mean']} µs, p99 {figures['take_us']['p99']}; "
            f"decoding {ms['free']} ms a token without and {ms['constrained']} with a constraint.",
            "",
            "| constraint | compile ms | mask µs | p99 | take µs | p99 |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
