"""The perplexity of a file, from the command to the page."""

import json

import pytest

from eval.metrics import Figure, Perplexity
from eval.tasks.perplexity import as_markdown, main, tabulate
from tests.helpers.tiny_model import write_tiny_model


@pytest.fixture
def model(tmp_path):
    return str(write_tiny_model(tmp_path / "tiny.gguf"))


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "some.txt"
    path.write_text("the cat on the other mat, 猫在垫子上。 " * 20, "utf-8")
    return path


def test_a_file_is_measured_and_said_how(model, text, capsys) -> None:
    assert main([str(text), "-m", model, "--recipe", "strided", "--window", "64", "--json"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert report["figures"]["num_bytes"] < len(text.read_bytes())  # all but the first token
    assert (report["figures"]["stride"], report["table"]["stride"]) == (32, "32")
    assert report["command"] == (f"python -m eval.tasks.perplexity {text} --recipe strided --window 64 --model {model}")
    assert err.endswith("windows\n")


def test_a_table_survives_the_names_of_tokens() -> None:
    figure = Figure(value=2.0, interval=(1.5, 2.5), n=2, method="by hand")
    result = Perplexity(
        perplexity=figure, bits_per_byte=figure, word_perplexity=None, standard_error=0.1, model="m", recipe="rolling",
        window=8, stride=8, start_token="<|im_start|>", num_windows=2, num_tokens=16, num_scored=16, num_bytes=20,
    )  # fmt: skip
    lines = as_markdown({"run": "a run", "table": tabulate(result)}).splitlines()
    assert r"| start token | `<\|im_start\|>` |" in lines
    assert "| perplexity | 2.0000 (1.5000 to 2.5000) |" in lines


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, [], "cannot be read: No such file or directory. Name a text file"),
        (b"\xff\xfe", [], "is not UTF-8 text: byte 0 is 0xff."),
        (b"", [], "has 0 tokens"),
        (b"short", ["--recipe", "llama.cpp"], "needs two windows"),
        (b"some text", ["-m", "no-such-model"], "no-such-model"),
    ],
)
def test_what_cannot_be_measured_is_one_sentence(content, options, message, model, tmp_path, capsys) -> None:
    path = tmp_path / "given.txt"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path), "-m", model, *options]) == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert message in err
