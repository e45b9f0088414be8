"""Filters: from what a model wrote, in one or several tries, to the answer that is judged.

Source: lm-evaluation-harness 0.4.13, `lm_eval/filters`.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eval.yaml_tasks.fields import Fields, nearest
from eval.yaml_tasks.patterns import check_pattern, find_all

DEFAULT_PATTERN = r"#### (\-?[0-9\.\,]+)"
FALLBACK = "[invalid]"

Tries = list[str]
Step = Callable[[Tries], Tries]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Filters one after the other. The last one leaves one answer of all tries."""

    name: str
    steps: tuple[Step, ...]

    def __call__(self, tries: Sequence[str]) -> str:
        """The answer that is judged. Raises EvaluationError for a pattern that ran out of time."""
        found = list(tries)
        for step in self.steps:
            found = step(found)
        return found[0]


FIRST = Pipeline(name="none", steps=())  # what a task without filters does


def read_pipelines(owner: Fields, listed: Any, repeats: int) -> tuple[Pipeline, ...]:
    """The pipelines of `filter_list`. Raises EvaluationError for what is none."""
    if not isinstance(listed, list) or not listed:
        raise owner.error("filter_list", "must be a list of entries with 'name' and 'filter'.")
    pipelines = [_pipeline(owner, entry, repeats) for entry in listed]
    names = [pipeline.name for pipeline in pipelines]
    if len(set(names)) < len(names):
        raise owner.error("filter_list", f"names a pipeline twice: {', '.join(names)}.")
    return tuple(pipelines)


def _pipeline(owner: Fields, entry: Any, repeats: int) -> Pipeline:
    if not isinstance(entry, Fields) or not isinstance(entry.get("filter"), list):
        raise owner.error("filter_list", "must hold entries with 'name' and 'filter', a list.")
    entry.check_keys(("name", "filter"))
    name = entry.get("name")
    if not isinstance(name, str) or not re.fullmatch(r"[\w.@-]{1,64}", name):
        raise owner.error("filter_list", f"has the name {name!r}; a name is letters, digits, '-', '_', '.' and '@'.")
    functions = entry["filter"]
    if not all(isinstance(function, Fields) and isinstance(function.get("function"), str) for function in functions):
        raise entry.error("filter", "must list entries with 'function'.")
    kinds = [function["function"] for function in functions]
    steps: list[Step] = []
    num_tries = repeats
    for kind, function in zip(kinds, functions, strict=True):
        if kind not in FILTER_OPTIONS:
            raise function.error("function", f"is {kind!r}, which is not known here; {nearest(kind, FILTER_OPTIONS)}")
        function.check_keys(("function", *FILTER_OPTIONS[kind]))
        step, num_tries = _step(kind, function, num_tries)
        steps.append(step)
    if num_tries > 1:
        raise entry.error("filter", f"leaves {num_tries} answers and one is judged; end with 'function: take_first'.")
    return Pipeline(name=name, steps=tuple(steps))


def _step(kind: str, function: Fields, num_tries: int) -> tuple[Step, int]:
    """A filter, and how many answers it leaves of `num_tries`."""
    match kind:
        case "take_first":
            return lambda tries: tries[:1], 1
        case "take_first_k":
            k = _whole(function, "k", num_tries)
            return lambda tries: tries[:k], k
        case "majority_vote":
            return lambda tries: [Counter(tries).most_common(1)[0][0]], 1
        case "regex":
            return _regex(function), num_tries
        case "map":
            return _map(function), num_tries
    change = _CHANGES[kind]
    return lambda tries: [change(text) for text in tries], num_tries


def _regex(function: Fields) -> Step:
    pattern = check_pattern(function, "regex_pattern", function.get("regex_pattern", DEFAULT_PATTERN))
    select, fallback = function.get("group_select", 0), function.get("fallback", FALLBACK)
    if not isinstance(select, int) or isinstance(select, bool):
        raise function.error("group_select", "must be a whole number: which match is taken, -1 the last.")
    if not isinstance(fallback, str):
        raise function.error("fallback", "must be text.")
    return lambda tries: [_match(pattern, select, fallback, text) for text in tries]


def _match(pattern: str, select: int, fallback: str, text: str) -> str:
    """The selected match; of several groups the first that is not empty."""
    matches = find_all(pattern, text)
    if not -len(matches) <= select < len(matches):
        return fallback
    match = matches[select]
    if isinstance(match, tuple):
        match = next((group for group in match if group), fallback)
    return str(match).strip()


def _map(function: Fields) -> Step:
    mapping, default = function.get("mapping_dict", {}), function.get("default_value")
    if not isinstance(mapping, Mapping) or not all(isinstance(value, str | int) for value in mapping.values()):
        raise function.error("mapping_dict", "must say 'answer: what it becomes' for each answer, as text.")
    if not isinstance(default, str | int):
        raise function.error("function", "is map, which needs a default_value for other answers, such as '[invalid]'.")
    texts = {key: str(value) for key, value in mapping.items()}
    return lambda tries: [texts.get(text, str(default)) for text in tries]


def _whole(function: Fields, key: str, most: int) -> int:
    k = function.get(key)
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= most:
        raise function.error(key, f"must be a whole number from 1 to {most}, the answers there are (see repeats).")
    return k


_CHANGES: Mapping[str, Callable[[str], str]] = {
    "remove_whitespace": str.strip,
    "lowercase": str.lower,
    "uppercase": str.upper,
}
FILTER_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "regex": ("regex_pattern", "group_select", "fallback"),
    "map": ("mapping_dict", "default_value"),
    "take_first": (),
    "take_first_k": ("k",),
    "majority_vote": (),
    **dict.fromkeys(_CHANGES, ()),
}
