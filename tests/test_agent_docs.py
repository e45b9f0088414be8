"""What `docs/agents.md` shows is what happens."""

import re
import subprocess
import sys

from tests.helpers.shared_data import ROOT


def test_the_examples_of_the_page_run_one_after_another() -> None:
    page = (ROOT / "docs" / "agents.md").read_text("utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    assert "resume(" in code
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert run.returncode == 0, run.stderr
