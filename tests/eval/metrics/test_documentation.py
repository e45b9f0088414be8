"""The examples of docs/evaluation.md print what they say they print."""

import re

import pytest

from tests.helpers.shared_data import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "evaluation.md").read_text("utf-8"), re.DOTALL)


def test_examples_print_what_stands_beside_them(capsys) -> None:
    for package in ("sacrebleu", "rouge_score"):
        pytest.importorskip(package, reason=f"{package} is in the extra 'eval', which is not installed")
    has_model = re.compile("load_model|lm_eval")  # these have tests of their own
    code = "".join(block for block in BLOCKS if not has_model.search(block))
    exec(compile(code, "docs/evaluation.md", "exec"), {})
    promised = re.findall(r"^print\(.*\)\s+# (.+)$", code, re.MULTILINE)
    printed = capsys.readouterr().out.splitlines()
    assert len(promised) == 4
    assert [line for line in promised if line not in printed] == []
