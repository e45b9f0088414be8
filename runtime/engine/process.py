"""An engine's thread lives in the process that made it; a forked child has the objects but not the thread."""

import os

from runtime.errors import EngineClosedError


def check_process(owner_id: int) -> None:
    """Raise EngineClosedError in any process but `owner_id`. Called before a lock is taken, which in a child may be
    held for ever by a thread that is not there."""
    if os.getpid() != owner_id:
        raise EngineClosedError(
            f"This engine belongs to process {owner_id}; its thread does not exist in the forked child {os.getpid()}. "
            "Build a new Engine in the child, or start children with the spawn method."
        )
