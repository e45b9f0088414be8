"""Few-shot examples of a prompt: one JSON object a line, with values for its variables and the `answer`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from appkit.templates.origin import Origin, read_text
from appkit.templates.variables import Variable, check_value, problem_with
from runtime.errors import ConfinedPathError
from runtime.files import confined_path

ANSWER = "answer"
MAX_BYTES = 4 << 20
MAX_EXAMPLES = 10_000


def read_examples(origin: Origin, file_name: Any, line: int | None) -> tuple[dict[str, Any], ...]:
    """The examples in a file beside the prompt's own.

    Raises:
        TemplateError: the prompt is no file, the name leads elsewhere, or a line is no JSON object.
    """
    if origin.path is None:
        raise origin.error("it names a file of examples, and a prompt that is no file has none beside it.", line)
    if not isinstance(file_name, str) or not file_name.endswith(".jsonl"):
        raise origin.error(f"examples is {file_name!r}; name a file beside the prompt, as in classify.en.jsonl.", line)
    try:
        path = confined_path(origin.path.parent, file_name)
    except ConfinedPathError as error:
        raise origin.error(f"examples names what is not in its folder: {error}", line) from error
    lines = read_text(origin, path, MAX_BYTES).splitlines()
    if len(lines) > MAX_EXAMPLES:
        raise origin.error(f"{path} has {len(lines):,} lines; at most {MAX_EXAMPLES:,}.", line)
    return tuple(_read_example(origin, path, number, text) for number, text in enumerate(lines, 1) if text.strip())


def complete_examples(
    origin: Origin, variables: Mapping[str, Variable], examples: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], ...]:
    """The examples, each with the same names: what one does not give and another does has its default.

    What no example gives is not among them; it is the question's, as a list of labels that all are asked about.

    Raises:
        TemplateError: an example has no answer, gives what no variable takes, or lacks a required variable that
            another one gives: it would silently borrow the question's.
    """
    for number, example in enumerate(examples, 1):
        _check_example(origin, variables, number, example)
    defaults = {name: variables[name].default for example in examples for name in example if name != ANSWER}
    for number, example in enumerate(examples, 1):
        for name in defaults.keys() - example.keys():
            if variables[name].is_required:
                raise origin.error(
                    f"example {number} lacks {name!r}, which has no default and which another example gives.",
                    variable=name,
                )
    return tuple({**defaults, **example} for example in examples)


def _check_example(origin: Origin, variables: Mapping[str, Variable], number: int, example: Mapping[str, Any]) -> None:
    if ANSWER not in example:
        raise origin.error(f"example {number} has no {ANSWER!r}.", variable=ANSWER)
    for name, value in example.items():
        if name == ANSWER:
            if problem := problem_with(value, "any"):
                raise origin.error(f"the {ANSWER!r} of example {number} {problem}.", variable=ANSWER)
        elif name in variables:
            check_value(origin, variables[name], value, f" of example {number}")
        else:
            known = ", ".join([*variables, ANSWER])
            raise origin.error(f"example {number} has {name!r}; the prompt takes: {known}.", variable=name)


def _read_example(origin: Origin, path: Path, number: int, text: str) -> dict[str, Any]:
    try:
        example = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise origin.error(f"line {number} of {path} is no JSON: {error}.") from error
    if not isinstance(example, dict):
        raise origin.error(f"line {number} of {path} is {text[:40]!r}; write a JSON object with {ANSWER!r}.")
    return example
