"""`Memory`: a policy about what of a long conversation a model is shown.

Whatever the policies, a turn never overflows: where turns do not fit, the oldest are left out, with a notice the first
time, and `ChatStream.context` says which. Policies change what is left out and what stands for it.
"""

from collections.abc import Sequence
from typing import ClassVar

from appkit.chat.memory.showing import Showing
from appkit.context import Item


class Memory:
    """A policy; derive from it to write one. Its objects hold settings, never a conversation, so chats may share them.

    `stage` is when it has its say, the lowest first: what is left out is decided before what stands for it.
    `reserved_tokens` are kept free for what `recall` gives.
    """

    stage: ClassVar[int] = 0
    reserved_tokens: int = 0

    def arrange(self, showing: Showing) -> Showing:
        """Change what is shown, or how it is cut."""
        return showing

    def recall(self, showing: Showing, dropped: Sequence[Item]) -> tuple[Item, ...]:
        """What to show, for this turn alone, of the turns that are not shown any more."""
        return ()
