"""Reads the data sets that come with the package."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import eval.judge

FOLDER = Path(eval.judge.__file__).parents[1] / "data"
HAN = re.compile(r"[一-鿿]")


@functools.cache
def read(name: str) -> tuple[dict[str, Any], ...]:
    """The rows of `name`.jsonl, each on a line of its own."""
    return tuple(json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines())
