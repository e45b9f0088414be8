import re
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appkit.errors import EvaluationError
from eval.yaml_tasks.patterns import find_all, remove_all


@pytest.mark.parametrize("call", [find_all, remove_all])
def test_a_pattern_that_tries_too_much_is_stopped(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.yaml_tasks.patterns.MATCH_TIMEOUT_S", 0.2)
    started = time.monotonic()
    with pytest.raises(EvaluationError, match=r"ran for more than 0\.2 s on a text of 41 characters"):
        call(r"^(a|a)+$", "a" * 40 + "b")
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "pattern",
    [
        r"#### (\-?[0-9\.\,]+)",
        r"(-?[$0-9.,]{2,})|(-?[0-9]+)",
        r"\b[A-D]\b",
        r"(?i)the answer is\s*(.*?)\.",
        r"[^\W\d]+",
        "a*",
        ".$",
    ],
)
@settings(deadline=None)  # the machine may be busy
@given(text=st.text("a1AB.,$#- \n是é", max_size=30))
def test_patterns_find_what_python_finds(pattern: str, text: str) -> None:
    assert find_all(pattern, text) == re.findall(pattern, text)
    assert remove_all(pattern, text) == re.sub(pattern, "", text)
