"""How many KV pages an engine gets: what one full context needs, within the memory there is."""

import logging

from runtime.kernels.ops import PAGE_SIZE
from runtime.kvcache.pages import num_pages_for
from runtime.loaders.memory import available_memory_bytes

MAX_MEMORY_SHARE = 0.5  # of the memory available when the engine is made; activations and the caller want some too
_logger = logging.getLogger(__name__)


def num_pages_in_budget(
    budget_bytes: int | None, page_bytes: int, max_seq_len: int, available_bytes: int | None = None
) -> int:
    """Pages for an engine.

    Args:
        budget_bytes: what the caller allows; None is room for one full context, at most half of the available memory.
        page_bytes: of one page over all layers.
        max_seq_len: the model's context.
        available_bytes: None asks the system.

    Raises:
        ValueError: a budget that holds not even one page, or more than the available memory.
    """
    available_bytes = available_memory_bytes() if available_bytes is None else available_bytes
    context_bytes = num_pages_for(max_seq_len) * page_bytes
    if budget_bytes is None:
        affordable = context_bytes if available_bytes is None else int(available_bytes * MAX_MEMORY_SHARE)
        num_pages = max(1, min(context_bytes, affordable) // page_bytes)
        if affordable < context_bytes:
            _logger.warning(
                "The KV cache holds %d tokens instead of the model's whole context of %d: half of the %d bytes of "
                "available memory has no room for more. Close other programs, or set kv_budget_bytes.",
                num_pages * PAGE_SIZE,
                max_seq_len,
                available_bytes,
            )
        return num_pages
    if budget_bytes < page_bytes:
        raise ValueError(
            f"kv_budget_bytes is {budget_bytes}, and one page of {PAGE_SIZE} tokens of this model takes {page_bytes}; "
            f"its full context of {max_seq_len} tokens takes {context_bytes}."
        )
    if available_bytes is not None and budget_bytes > available_bytes:
        raise ValueError(
            f"kv_budget_bytes is {budget_bytes}, and {available_bytes} bytes of memory are available. A full context "
            f"of {max_seq_len} tokens takes {context_bytes}."
        )
    return budget_bytes // page_bytes
