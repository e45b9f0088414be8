"""Tools for tests of `appkit agent --functions`: one that writes a file, one that never ends by itself."""

import os
import time
from pathlib import Path

from appkit import tool


@tool(needs_approval=True)
def write_note(text: str) -> str:
    """Write a note.

    Args:
        text: what it says.
    """
    with Path(os.environ["APPKIT_HOME"], "notes.txt").open("a") as notes:
        notes.write(f"{text}\n")
    return f"Written: {text}"


@tool(timeout_s=60)
def wait() -> str:
    """Wait for a long time."""
    time.sleep(float(os.environ.get("APPKIT_TEST_WAIT_S", "60")))
    return "Waited."


def no_tool() -> None:
    """Is not given to the model."""
