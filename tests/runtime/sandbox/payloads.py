"""Templates that try to leave the sandbox: known tricks against Jinja2, one way each, one a line.

Those in payloads_live.txt create the file CANARY where there is no sandbox, which a test checks, so that their failure
means something. Those in payloads_quiet.txt leak or damage without a file: through formatting, through methods that
change what they are called on, through names and includes.
"""

from pathlib import Path


def _lines(name: str) -> list[str]:
    return Path(__file__).with_name(name).read_text("utf-8").splitlines()


LIVE = _lines("payloads_live.txt")
QUIET = _lines("payloads_quiet.txt")

# Signs that something inside Python was shown.
LEAKS = ["<class", "<module", "<frame", "<code", "root:", "__builtins__", "built-in function", "TemplateReference__"]
