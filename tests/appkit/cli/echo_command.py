"""`appkit ARGS` with a model that says what it was asked, for tests that press keys while it answers.

Its answer to `long` comes slowly and never ends by itself, that to `60` has as many lines. The environment's
APPKIT_TEST_MAX_SEQ_LEN makes its context short.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from typing import cast

from appkit.cli import open_model
from appkit.cli.main import main
from appkit.llm import scripted
from appkit.messages import Message


def answer(prompt: str | Sequence[Message]) -> str:
    """The questions that were shown, and Markdown to look at."""
    questions = [message.content for message in cast(Sequence[Message], prompt) if message.role == "user"]
    if questions[-1] in ("long", "60"):
        return "".join(f"- tick {number}\n" for number in range(60 if questions[-1] == "60" else 100_000))
    return f"**Asked:** {' / '.join(questions)}"


class SlowStream(scripted.ScriptedStream):
    """A character a millisecond."""

    def __iter__(self) -> Iterator[str]:
        for piece in super().__iter__():
            time.sleep(0.001)
            yield piece


scripted.ScriptedStream = SlowStream  # type: ignore[misc]
max_seq_len = int(os.environ.get("APPKIT_TEST_MAX_SEQ_LEN", 10_000_000))
model = scripted.ScriptedModel(answer, name="echo", max_seq_len=max_seq_len)
open_model.open_model = lambda spec, **options: model
main(sys.argv[1:])
