"""Votes over answers, and self-consistency: several chains of thought, the answer that most of them reach.

Source: Wang et al., arXiv:2203.11171. Stopping early is ours and changes no outcome: it waits until no answer could
catch up even if every open sample agreed on it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from appkit.llm.base import LanguageModel, Usage
from appkit.reasoning.answer_line import plain_answer
from appkit.reasoning.samples import draw_samples
from appkit.reasoning.thinking import STEP_BY_STEP, ChainOfThought, Question, Reasoned, total_usage


@dataclass(frozen=True, kw_only=True)
class Vote:
    """An election. `winner` is the first answer given for the winning key, as written; None where nobody answered."""

    winner: str | None
    counts: Mapping[str, int]  # votes for each normalised answer, the most first
    num_void: int  # answers that are none

    @property
    def share(self) -> float:
        """The winner's part of all that voted, void votes included, 0 to 1."""
        total = self.num_void + sum(self.counts.values())
        return max(self.counts.values(), default=0) / total if total else 0.0


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """What self-consistency found. `samples` are those that were finished, in their order; the rest was cancelled."""

    answer: str | None
    vote: Vote
    samples: tuple[Reasoned, ...]
    num_asked: int

    @property
    def usage(self) -> Usage:
        """Tokens of the finished samples."""
        return total_usage([completion for sample in self.samples for completion in sample.completions])


def vote(answers: Iterable[str | None], normalise: Callable[[str], str | None] = plain_answer) -> Vote:
    """Count answers. Of answers with equally many votes the one that was given first wins.

    Args:
        normalise: gives what equal answers have in common; None for a void one.
    """
    counts: Counter[str] = Counter()
    written: dict[str, str] = {}
    num_void = 0
    for answer in answers:
        key = None if answer is None else normalise(answer)
        if answer is None or key is None:
            num_void += 1
            continue
        counts[key] += 1
        written.setdefault(key, answer)
    ranked = dict(counts.most_common())  # stable: equal counts stay in the order of their first vote
    return Vote(winner=written[next(iter(ranked))] if ranked else None, counts=ranked, num_void=num_void)


def is_decided(counts: Sequence[int], num_open: int) -> bool:
    """Whether the leader stays the only leader whatever `num_open` further votes say."""
    first, second = [*sorted(counts, reverse=True), 0, 0][:2]
    return first - second > num_open


def self_consistency(
    model: LanguageModel,
    question: Question,
    how: ChainOfThought = STEP_BY_STEP,
    *,
    n: int = 8,
    stops_early: bool = True,
) -> Consensus:
    """Reason `n` times at once and take the answer that most samples reach.

    Args:
        how: with a temperature above 0; where it leaves that open, 0.7. Its seed, or 0, begins the samples' seeds: on
            a local model the same call gives the same answer.
        stops_early: cancel what is still open once the leader cannot be caught. The answer is that of all `n`.

    Raises:
        ValueError: n is out of range, or the temperature is 0.
        What `think` raises.
    """
    finished: dict[int, Reasoned] = {}
    with closing(draw_samples(model, question, how, n)) as samples:
        for idx, sample in samples:
            finished[idx] = sample
            counts = Counter(reasoned.key for reasoned in finished.values() if reasoned.key is not None)
            if stops_early and is_decided(list(counts.values()), n - len(finished)):
                break
    ordered = tuple(finished[idx] for idx in sorted(finished))
    found = vote([sample.answer for sample in ordered], ordered[0].task.line.normalise)
    return Consensus(answer=found.winner, vote=found, samples=ordered, num_asked=n)
