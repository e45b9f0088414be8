"""Which examples are trained on: some kept for validation, some of another file mixed in.

A model that learns one thing forgets others; a share of general examples among the new ones holds them (replay).
Source: Scialom et al., Fine-tuned language models are continual learners, arXiv:2205.12393.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from runtime.training.data.order import shuffled_order

T = TypeVar("T")


def mix(main: Sequence[T], others: Sequence[tuple[Sequence[T], float]], *, seed: int) -> list[T]:
    """All of `main` with examples of the others among them, in an order drawn by `seed`.

    Args:
        others: examples, and the share of the mix that comes from them: 0.1 for one in ten. They are drawn without
            repeating until all were used, then drawn anew.

    Raises:
        ValueError: shares out of range, or that leave no room for `main`; a file without examples.
    """
    shares = [share for _, share in others]
    if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise ValueError(f"The shares {shares} cannot be mixed in: each is above 0, and together they are below 1.")
    if any(not examples for examples, _ in others):
        raise ValueError("A file to mix in has no examples.")
    total = len(main) / (1 - sum(shares))
    mixed = list(main)
    for number, (examples, share) in enumerate(others):
        wanted = max(1, round(total * share))
        passes = math.ceil(wanted / len(examples))
        drawn = [i for p in range(passes) for i in shuffled_order(len(examples), seed, "mix", number, p)]
        mixed += [examples[i] for i in drawn[:wanted]]
    return [mixed[i] for i in shuffled_order(len(mixed), seed, "mixed")]


def split_validation(
    examples: Sequence[T], share: float, *, seed: int, key: Callable[[T], Hashable]
) -> tuple[list[T], list[T]]:
    """(to train on, to validate on), each in the order given; which goes where is drawn by `seed`.

    Examples with the same key go to the same side, so that none is validated on that was trained on.

    Raises:
        ValueError: `share` is out of range, or leaves one side empty.
    """
    if not 0 < share < 1:
        raise ValueError(f"{share} cannot be kept for validation: give a share between 0 and 1, such as 0.1.")
    keys = [key(example) for example in examples]
    distinct = list(dict.fromkeys(keys))
    wanted = max(1, round(len(distinct) * share))
    if wanted >= len(distinct):
        raise ValueError(
            f"{len(distinct)} distinct examples are too few to keep {share:.0%} of them for validation: one side would "
            "be empty. Give more examples, another share, or a file of its own to validate on."
        )
    kept = {distinct[i] for i in shuffled_order(len(distinct), seed, "validation")[:wanted]}
    sides: tuple[list[T], list[T]] = ([], [])
    for example, its_key in zip(examples, keys, strict=True):
        sides[its_key in kept].append(example)
    return sides
