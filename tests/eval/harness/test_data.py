"""Data are found through APPKIT_DATA; what is missing or wrong is one sentence that says how to go on."""

from pathlib import Path

import pytest

from appkit.errors import EvaluationDataError
from eval.harness.data import data_path, read_rows, read_text


def test_a_file_is_found_in_the_folder_that_is_named(monkeypatch, tmp_path) -> None:
    (tmp_path / "gsm8k").mkdir()
    (tmp_path / "gsm8k" / "test-400.jsonl").write_text("{}", "utf-8")
    monkeypatch.setenv("APPKIT_DATA", str(tmp_path))
    assert data_path("gsm8k/test-400.jsonl") == tmp_path / "gsm8k" / "test-400.jsonl"
    assert data_path("gsm8k") == tmp_path / "gsm8k"


@pytest.mark.parametrize("value", [None, ""])
def test_without_the_variable_the_sentence_says_what_it_is_and_how_to_name_the_folder(monkeypatch, value) -> None:
    monkeypatch.delenv("APPKIT_DATA", raising=False)
    if value is not None:
        monkeypatch.setenv("APPKIT_DATA", value)
    with pytest.raises(EvaluationDataError) as raised:
        data_path("gsm8k/test-400.jsonl")
    assert str(raised.value) == (
        "gsm8k/test-400.jsonl is needed and not part of this package: GSM8K, the first 400 problems of its test part "
        "as test-400.jsonl (arXiv:2110.14168); set APPKIT_DATA to the folder that holds gsm8k."
    )
    assert raised.value.path == "gsm8k/test-400.jsonl"


def test_a_folder_without_the_file_is_named(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("APPKIT_DATA", str(tmp_path))
    with pytest.raises(
        EvaluationDataError, match=r"wikitext2/valid\.txt is not in .*, where APPKIT_DATA points"
    ) as raised:
        data_path("wikitext2/valid.txt")
    assert raised.value.path == str(tmp_path / "wikitext2" / "valid.txt")


def test_a_text_is_read_as_it_is(tmp_path) -> None:
    path = tmp_path / "text"
    path.write_bytes("\ufeff第一行\r\nline\n".encode())
    assert read_text(path) == "第一行\r\nline\n"


def test_rows_are_objects_one_a_line(tmp_path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "\u2028"}\n\n{"a": 2}\n', "utf-8")  # a line separator within a text ends no line
    assert read_rows(path) == [{"a": "\u2028"}, {"a": 2}]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"\xff", "is not UTF-8 text: byte 0 is 0xff"),
        (b'{"a": 1}\n{"a": NaN}', "Line 2 of .* is not JSON: NaN is no JSON value"),
        (b"3", "Line 1 of .* is '3'; it should be an object"),
        (b"[" * 100_000, "Line 1 of .* is not JSON"),
        (b"x" * 65, "is larger than 0 MiB: give a part of it"),
    ],
    ids=["missing", "not text", "not JSON", "no object", "too deep", "too large"],
)
def test_what_is_no_data_is_named(content, message, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "rows.jsonl"
    if content is not None:
        path.write_bytes(content)
    if message.startswith("is larger"):
        monkeypatch.setattr("eval.harness.data.MAX_BYTES", 64)
    with pytest.raises(EvaluationDataError, match=message) as raised:
        read_rows(path)
    assert raised.value.path == str(path)
