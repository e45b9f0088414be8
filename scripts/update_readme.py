"""Puts what the demonstration prints into README.md.

    python scripts/update_readme.py

`tests/test_readme.py` checks that the two agree. The answers come from a fresh index in a data folder of its own.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LC_")}
        shown = subprocess.run(
            [sys.executable, "-m", "appkit.cli.demo"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            env={**kept, "APPKIT_HOME": home, "LANG": "C.UTF-8", "NO_COLOR": "1"},
        ).stdout
    readme = README.read_text("utf-8")
    README.write_text(
        re.sub(r"(<!-- demo -->\n```\n).*?(```)", lambda old: old[1] + shown + old[2], readme, flags=re.DOTALL), "utf-8"
    )


if __name__ == "__main__":
    main()
