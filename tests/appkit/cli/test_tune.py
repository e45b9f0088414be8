"""`appkit tune preview`: the mask as a person sees it, figures, and files that training would refuse."""

import json
import re
from pathlib import Path

import pytest

from tests.appkit.cli.command import CommandHere, one_sentence
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model
from tests.helpers.training_data import chat_line, write_lines


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write_tiny_model(tmp_path / "tiny.gguf", metadata={"tokenizer.chat_template": CHAT_TEMPLATE}))


def test_what_is_learnt_stands_in_brackets(appkit_here: CommandHere, model: str, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "a.jsonl", chat_line("hi", "你好 😀"))
    done = appkit_here("tune", "preview", str(data), "-m", model, home=tmp_path)
    assert done.returncode == 0
    assert "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n⟦你好 😀<|im_end|>⟧\n" in done.stdout
    assert "Line 1: " in done.stdout


def test_what_is_learnt_is_green_on_a_terminal(
    appkit_here: CommandHere, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appkit.cli.tune_report.is_colourful", lambda: True)
    data = write_lines(tmp_path / "a.jsonl", chat_line("question", "the\x1b[2J answer\nin two"))
    shown = appkit_here("tune", "preview", str(data), "-m", model, home=tmp_path).stdout
    green = "".join(re.findall(r"\x1b\[30;(?:42|102)m([^\x1b]*)\x1b\[0m", shown))
    assert green == "the[2J answer⏎in two<|im_end|>"
    assert set(re.findall(r"\x1b\[[^m]*m", shown)) <= {"\x1b[30;42m", "\x1b[30;102m", "\x1b[2m", "\x1b[0m"}


def test_figures_and_faults_are_shown_and_the_status_says_so(
    appkit_here: CommandHere, model: str, tmp_path: Path
) -> None:
    good = chat_line("hi", "ho", id=1)
    data = write_lines(tmp_path / "a.jsonl", good, b"{", good, chat_line("x", "y" * 300))
    done = appkit_here("tune", "preview", str(data), "-m", model, "--max-len", "100", "-n", "0", home=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"{data}: format chat. Lines to train on: 2; tokens: 48, of which are learnt: 6 (12%).",
        "Lengths in tokens: 24 to 24, mean 24; half up to 24, nine in ten up to 24.",
        "Left out, longer than 100 tokens: 1 (lines 4).",
        "The same as an earlier line: 1 (3 = 1).",
        "Keys that are not read: id.",
        "Lines that cannot be trained on: 1. Training refuses the file until they are mended or skipped.",
        "  line 2: it is not JSON (Expecting property name enclosed in double quotes at character 2)",
    ]


def test_a_long_example_says_how_much_is_not_shown(appkit_here: CommandHere, model: str, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "a.jsonl", chat_line("hi", "ho"), chat_line("x", "y" * 400))
    part = appkit_here("tune", "preview", str(data), "-m", model, home=tmp_path).stdout
    assert "tokens more; --line 2 shows them all." in part
    whole = appkit_here("tune", "preview", str(data), "-m", model, "--line", "2", home=tmp_path).stdout
    assert "y" * 400 in whole
    assert "⟦ho" not in whole


def test_splits_and_mixes_are_counted(appkit_here: CommandHere, model: str, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "a.jsonl", *[{"q": f"question {i}", "a": "yes"} for i in range(20)])
    general = write_lines(tmp_path / "g.jsonl", *[{"text": f"text {i}"} for i in range(10)])
    options = ["--fields", "prompt=q,completion=a", "--validation", "0.1", "--mix", f"{general}=0.1"]
    done = appkit_here("tune", "preview", str(data), "-m", model, *options, "-n", "0", home=tmp_path)
    assert done.returncode == 0
    assert "Lines mixed in from other files: 2." in done.stdout
    assert "Examples to train on: 20; to validate on: 2." in done.stdout


def test_json_has_ids_and_masks(appkit_here: CommandHere, model: str, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "a.jsonl", {"prompt": "hi", "chosen": "ho", "rejected": "no"})
    report = json.loads(appkit_here("tune", "preview", str(data), "-m", model, "--json", home=tmp_path).stdout)
    assert report["files"][0]["format"] == "preference"
    assert report["train"] == {"examples": 1, "mixed_in": 0}
    chosen, rejected = report["examples"]
    assert "".join(t for t, m in zip(chosen["tokens"], chosen["is_learnt"], strict=True) if m) == "ho<|im_end|>"
    assert "".join(t for t, m in zip(rejected["tokens"], rejected["is_learnt"], strict=True) if m) == "no<|im_end|>"
    assert len(chosen["input_ids"]) == len(chosen["tokens"])


def test_chinese_speakers_are_told_in_chinese(appkit_here: CommandHere, model: str, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "a.jsonl", chat_line("hi", "ho"))
    done = appkit_here("tune", "preview", str(data), "-m", model, home=tmp_path, LANG="zh_CN.UTF-8")
    assert "可训练 1 行" in done.stdout
    assert "第 1 行：" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--fields", "prompt"], "is not FIELD=KEY"),
        (["--fields", "promt=q"], "No format has the field 'promt'"),
        (["--mix", "0.1"], "is not FILE=SHARE"),
        (["--mix", "gone.jsonl=0.1"], "gone.jsonl cannot be read"),
        (["--validation", "1.5"], "1.5 cannot be kept for validation"),
        (["--validation", "gone.jsonl"], "gone.jsonl cannot be read"),
        (["--max-len", "513"], "513 tokens are more than the 512"),
        (["--line", "9"], "Line 9 of"),
        (["-m", "openai:http://localhost/v1#m"], "runs elsewhere"),
        (["-m", "no-such-model"], "No model is called 'no-such-model'"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(
    appkit_here: CommandHere, model: str, tmp_path: Path, options: list[str], words: str
) -> None:
    data = write_lines(tmp_path / "a.jsonl", *[chat_line(f"hi {i}", "ho") for i in range(4)])
    assert words in one_sentence(appkit_here("tune", "preview", str(data), "-m", model, *options, home=tmp_path))
