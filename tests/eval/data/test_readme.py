"""Every data set that ships is described, with its licence."""

import re

from tests.eval.data.rows import FOLDER


def test_every_file_is_in_the_table_with_where_it_is_from_and_its_licence() -> None:
    rows = [line for line in (FOLDER / "README.md").read_text("utf-8").splitlines() if line.startswith("| `")]
    described = {name for row in rows for name in re.findall(r"`([^`]+\.jsonl)`", row)}
    assert described == {path.name for path in FOLDER.glob("*.jsonl")}
    assert all(row.endswith("| written for this project | Apache-2.0 |") for row in rows)
