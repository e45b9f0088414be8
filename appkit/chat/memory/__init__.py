"""What of a long conversation a model is shown: policies that compose, on the context compiler.

    Chat(memory=TokenBudget())
    Chat(memory=[PinnedFacts(("I am a vegan.",)), Window(turns=20), RunningSummary(), VectorRecall(embedder)])

Names are imported when they are first used.
"""

from typing import TYPE_CHECKING

from appkit.lazy_names import lazy_names

if TYPE_CHECKING:
    from appkit.chat.memory.base import Memory
    from appkit.chat.memory.pinned_facts import PinnedFacts
    from appkit.chat.memory.running_summary import RunningSummary
    from appkit.chat.memory.showing import Showing
    from appkit.chat.memory.token_budget import TokenBudget
    from appkit.chat.memory.vector_recall import VectorRecall
    from appkit.chat.memory.window import Window

_HOMES = {
    "Memory": "base",
    "PinnedFacts": "pinned_facts",
    "RunningSummary": "running_summary",
    "Showing": "showing",
    "TokenBudget": "token_budget",
    "VectorRecall": "vector_recall",
    "Window": "window",
}

__all__ = ["Memory", "PinnedFacts", "RunningSummary", "Showing", "TokenBudget", "VectorRecall", "Window"]

__getattr__ = lazy_names(__name__, _HOMES, globals())
