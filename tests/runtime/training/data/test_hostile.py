"""Whatever stands in a file, it is trained on, or named with its line; nothing else is raised."""

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import TrainingDataError
from runtime.training.data.encode import EncodingSettings
from runtime.training.data.formats import FORMATS
from runtime.training.data.prepare import DataSettings, prepare_data
from tests.helpers.training_data import CHATML, byte_tokenizer

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800")
NAMES = st.sampled_from(
    [
        "role",
        "content",
        "from",
        "value",
        "type",
        "text",
        "name",
        "function",
        "arguments",
        "tool_calls",
        "train",
        "weight",
        "id",
        "thinking",
    ]
)
TURNS = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "system", "tool"]), "content": st.text(max_size=6)},
    optional={"train": st.booleans(), "tool_calls": st.lists(st.dictionaries(NAMES, SCALARS, max_size=3), max_size=2)},
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
KEYS = sorted({key for format in FORMATS for key in format.keys})
OBJECTS = st.dictionaries(st.sampled_from(KEYS), VALUES | st.lists(TURNS, max_size=4), min_size=1, max_size=4)
LINES = st.one_of(OBJECTS.map(lambda line: json.dumps(line).encode()), VALUES.map(lambda v: json.dumps(v).encode()))
BYTES = st.binary(max_size=40).map(lambda data: data.replace(b"\n", b" "))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES | BYTES, max_size=4), too_long=st.sampled_from(["drop", "truncate-left", "truncate-right"]))
def test_a_file_is_trained_on_or_refused_in_a_sentence(lines: list[bytes], too_long: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join(lines))
    encoding = EncodingSettings(max_len=40, too_long=too_long)
    try:
        prepared = prepare_data(
            path, byte_tokenizer(), CHATML, DataSettings(encoding=encoding, bad_lines="skip", seed=1)
        )
    except TrainingDataError as error:
        assert str(error).endswith((".", "a-lines.jsonl"))
        assert len(str(error)) < 2000
        return
    [report] = prepared.reports
    num_filled = sum(bool(line.strip()) for line in lines)
    assert report.num_lines + len(report.bad) + len(report.too_long) == num_filled
    assert all(max(map(len, line.sequences)) <= 40 for line in prepared.lines)
