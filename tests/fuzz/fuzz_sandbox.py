"""Throws mutated templates at the sandbox. Whatever the template, the answer is a text or a SandboxError, in time.

As a fuzzer, with atheris installed (coverage of Jinja2's parser and compiler leads the way, each template is also
rendered in the real worker):

    python -m tests.fuzz.fuzz_sandbox -max_total_time=300 -rss_limit_mb=2048

What it finds is written to `crash-…`; cut it down, keep it in `findings_sandbox/`, and `test_fuzz_sandbox.py` replays
it for good.
"""

import contextlib
import json
import random
import re
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from runtime.sandbox import RenderOptions, Sandbox, SandboxError, SandboxLimits
from runtime.tokenizer.chat_template import CHATML_SOURCE
from tests.helpers.conversations import CONVERSATIONS, WEATHER_TOOL
from tests.runtime.sandbox.payloads import LIVE, QUIET

CHAT = RenderOptions(trim_blocks=True, lstrip_blocks=True, helpers="chat")
VARIABLES = {"messages": CONVERSATIONS["result"], "tools": [WEATHER_TOOL], "add_generation_prompt": True}
LIMITS = SandboxLimits(wall_s=2.0)
SLACK_S = 1.0  # to end one worker and start the next on a busy machine
MAX_SOURCE_CHARS = 4096
PIECE = re.compile(r"\{\{-?|-?\}\}|\{%-?|-?%\}|\{#|#\}|\w+|'[^']*'|\s+|.", re.DOTALL)
PIECES_TO_INSERT = """
{% %} {{ }} {%- -%} {# #} if elif else endif for in endfor recursive break continue set endset block endblock macro
endmacro call endcall filter endfilter with endwith raw endraw generation endgeneration include import from extends
autoescape endautoescape do trans endtrans not and or is none true false loop self super caller varargs kwargs namespace
dict range lipsum cycler joiner raise_exception strftime_now messages tools content role tojson attr map select reject
groupby sort sum format join replace batch slice indent center urlize xmlattr first last random reverse length upper
__class__ __globals__ __init__ __builtins__ mro format_map ** * // % ~ | . [ ] ( ) { } : , = == < > ' " \\ 0 1 -1 1e9
99999 2147483648 '\\x00' '%s' '{0}'
"""
WORDS = PIECES_TO_INSERT.split()


class Checker:
    """Renders templates and holds the sandbox to its promises."""

    def __init__(self, folder: Path) -> None:
        self.canary = folder / "canary"
        self.sandbox = Sandbox(LIMITS)

    def check(self, source: str) -> None:
        """Raises AssertionError for a broken promise, or whatever else the sandbox let through."""
        started = time.monotonic()
        with contextlib.suppress(SandboxError):
            self.sandbox.render(source.replace("CANARY", str(self.canary)), VARIABLES, options=CHAT)
        took_s = time.monotonic() - started
        assert not self.canary.exists(), f"escaped: {source!r}"
        assert took_s < LIMITS.wall_s + SLACK_S, f"took {took_s:.1f} s: {source!r}"
        assert self.sandbox.render("{{ 1 + 1 }}", {}) == "2", f"left the sandbox broken: {source!r}"


def seeds() -> list[str]:
    """Templates to start from."""
    return [CHATML_SOURCE, *LIVE, *QUIET]


def mutated(rng: random.Random, sources: list[str]) -> str:
    """One of `sources` with a few of its pieces changed, or put together with pieces of another."""
    pieces: list[str] = PIECE.findall(rng.choice(sources))
    for _ in range(rng.randint(1, 8)):
        here = rng.randrange(len(pieces) + 1)
        until = min(len(pieces), here + rng.randint(0, 6))
        match rng.randrange(6):
            case 0:
                del pieces[here:until]
            case 1:
                pieces[here:here] = pieces[here:until] * rng.choice([1, 2, 30])
            case 2:
                pieces[here:until] = [rng.choice(WORDS)]
            case 3:
                pieces[here:here] = rng.choices(WORDS, k=rng.randint(1, 4))
            case 4:
                other = PIECE.findall(rng.choice(sources))
                start = rng.randrange(len(other))
                pieces[here:until] = other[start : start + rng.randint(1, 12)]
            case _:
                rng.shuffle(pieces[here:until])
                pieces[here:here] = [chr(rng.choice([0, 10, 0x7F, 0x202E, 0xD800, 0xE000, 0x1F600]))]
    return "".join(pieces)[:MAX_SOURCE_CHARS]


def main() -> None:
    """Fuzz until told to stop."""
    import atheris

    with atheris.instrument_imports(include=["jinja2", "runtime.sandbox"]):
        from runtime.sandbox import worker

    renderer = worker.Renderer()
    options = json.dumps(asdict(CHAT))
    checker = Checker(Path(tempfile.mkdtemp()))
    corpus = seeds()

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        given = data.decode(errors="replace")
        return mutated(random.Random(seed), [given, *corpus] if given else corpus).encode(errors="replace")[:max_size]

    def one(data: bytes) -> None:
        source = data.decode(errors="replace")
        with contextlib.suppress(Exception):  # here only for its coverage: the parser and compiler run in this process
            renderer.template(source, options)
        checker.check(source)

    atheris.Setup(sys.argv, one, custom_mutator=lambda data, size, seed: mutate(data, size, seed))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
