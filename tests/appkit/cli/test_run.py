"""`appkit run` with a scripted model: pipes, options and the shape of its JSON."""

import json
from pathlib import Path

import pytest

from tests.appkit.cli.command import SCRIPTED, appkit, one_sentence


def test_the_answer_is_printed_with_a_line_end(tmp_path: Path) -> None:
    done = appkit("run", "hi", "-m", SCRIPTED, home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "Hello there\n", "")


def test_json_has_exactly_the_promised_shape(tmp_path: Path) -> None:
    report = json.loads(appkit("run", "hi", "-m", SCRIPTED, "--json", home=tmp_path).stdout)
    assert list(report) == ["text", "token_ids", "finish_reason", "usage", "timings"]
    assert list(report["usage"]) == ["prompt_tokens", "cached_tokens", "completion_tokens", "is_estimate"]
    assert list(report["timings"]) == ["load_s", "ttft_s", "prefill_tok_s", "decode_tok_s"]
    assert report["text"] == "Hello there"
    assert report["token_ids"] == list(map(ord, "Hello there"))
    assert report["usage"]["completion_tokens"] == 11


@pytest.mark.parametrize(
    ("args", "stdin", "shown"),
    [
        (["say"], "piped\n", "user: say\n\npiped\nassistant: "),
        ([], "piped", "user: piped\nassistant: "),
        (["say"], None, "user: say\nassistant: "),
        (["say", "-s", "Be kind."], None, "system: Be kind.\nuser: say\nassistant: "),
        (["say", "--raw"], "piped", "say\n\npiped"),
    ],
)
def test_standard_input_comes_after_the_prompt(args: list[str], stdin: str | None, shown: str, tmp_path: Path) -> None:
    done = appkit("run", *args, "-m", SCRIPTED, "--json", home=tmp_path, stdin=stdin)
    assert json.loads(done.stdout)["usage"]["prompt_tokens"] == len(shown)


def test_max_tokens_and_stop_reach_the_model(tmp_path: Path) -> None:
    assert appkit("run", "hi", "-m", SCRIPTED, "--max-tokens", "4", home=tmp_path).stdout == "Hell\n"
    assert appkit("run", "hi", "-m", SCRIPTED, "--stop", "x", "--stop", "lo", home=tmp_path).stdout == "Hel\n"


def test_no_prompt_at_all_is_one_sentence(tmp_path: Path) -> None:
    assert "There is no prompt" in one_sentence(appkit("run", "-m", SCRIPTED, home=tmp_path))


def test_raw_with_a_system_message_is_refused(tmp_path: Path) -> None:
    assert "--raw" in one_sentence(appkit("run", "hi", "--raw", "-s", "x", "-m", SCRIPTED, home=tmp_path))


def test_input_that_is_not_utf_8_is_one_sentence(tmp_path: Path) -> None:
    done = appkit("run", "hi", "-m", SCRIPTED, home=tmp_path, stdin="你好".encode("gb18030"))
    assert "not UTF-8" in one_sentence(done)


@pytest.mark.parametrize("option", ["--temperature=-1", "--top-p=1.5", "--max-tokens=0", "--top-k=x", "--seed=-3"])
def test_an_option_out_of_range_is_wrong_usage(option: str, tmp_path: Path) -> None:
    done = appkit("run", "hi", "-m", SCRIPTED, option, home=tmp_path)
    assert done.returncode == 2
    assert option.partition("=")[0] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    assert "appkit models pull smollm2-135m" in one_sentence(appkit("run", "hi", home=tmp_path))


def test_an_unknown_model_is_one_sentence(tmp_path: Path) -> None:
    assert "no-such-model" in one_sentence(appkit("run", "hi", "-m", "no-such-model", home=tmp_path))
