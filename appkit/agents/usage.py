"""Tokens of several turns together."""

from collections.abc import Iterable

from appkit.llm.base import Usage

NO_USAGE = Usage(prompt_tokens=0, cached_tokens=0, completion_tokens=0)


def total_usage(usages: Iterable[Usage]) -> Usage:
    """The sum; an estimate where one of them is."""
    given = list(usages)
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in given),
        cached_tokens=sum(usage.cached_tokens for usage in given),
        completion_tokens=sum(usage.completion_tokens for usage in given),
        forced_tokens=sum(usage.forced_tokens for usage in given),
        is_estimate=any(usage.is_estimate for usage in given),
    )
