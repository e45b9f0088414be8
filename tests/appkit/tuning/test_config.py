"""Options: kinds and ranges are checked, names are known, and a file gives back what was written."""

import re

import pytest

from appkit.errors import TuningError
from appkit.tuning.config import TuneConfig, config_of, differences
from appkit.tuning.config_file import read_options, write_options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": "eight"}, "rank is 'eight'; give a whole number."),
        ({"rank": 8.0}, "rank is 8.0; give a whole number."),
        ({"rank": True}, "rank is True; give a whole number."),
        ({"rank": 0}, "rank is 0; it must be 1 or more."),
        ({"alpha": float("nan")}, "alpha is nan; give a number."),
        ({"quantized": 1}, "quantized is 1; give true or false."),
        ({"keep": "first"}, "keep is 'first'; give one of last, best."),
        ({"modules": "q_proj"}, "modules is 'q_proj'; give a list, each item a text."),
        ({"modules": []}, "modules is empty; leave it out"),
        ({"ranks": {"q_proj": "8"}}, "ranks is {'q_proj': '8'}; give 'name: value' lines, each value a whole number."),
        ({"mix": ["g.jsonl"]}, "mix is ['g.jsonl']; give 'name: value' lines, each value a number."),
        ({"validation": True}, "validation is True; give a number or a text."),
        ({"keep": "best"}, "keep is 'best', which a validation set decides"),
        ({"learning_rat": 1e-3}, "There is no option 'learning_rat'; did you mean learning_rate?"),
        ({"zzz": 1}, "There is no option 'zzz'; there are data, model, "),
        ({"data": None}, "data is None; give a text."),
        ({}, "There is nothing to learn from"),
    ],
)
def test_an_option_that_cannot_be_is_named(options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        config_of({"data": "a.jsonl", **options} if options else {})


def test_whole_numbers_are_numbers_and_lists_are_tuples():
    config = config_of({"data": "a.jsonl", "alpha": 16, "modules": ["q_proj"], "mix": {"g.jsonl": 0.5}})
    assert (config.alpha, type(config.alpha)) == (16.0, float)
    assert config.modules == ("q_proj",)
    assert config.mix == {"g.jsonl": 0.5}


def test_a_file_gives_back_every_option(tmp_path):
    config = TuneConfig(
        data="names/with \x85 \u2028 \udcff 😀 ' \" : #.jsonl",
        model="年",
        fields={"prompt": "question"},
        validation=0.1,
        mix={"g.jsonl": 0.25},
        system="two\nlines",
        modules=("attn_q", "ffn_up"),
        ranks={"attn_q": 4},
        learning_rate=1e-4,
        quantized=True,
    )
    write_options(tmp_path / "config.yaml", config)
    assert differences(config_of(read_options(tmp_path / "config.yaml")), config) == []


def test_options_that_differ_are_named():
    config = TuneConfig(data="a.jsonl")
    assert differences(config, TuneConfig(data="a.jsonl", rank=16, seed=1)) == ["rank", "seed"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"rank: 8\n\nepoch: 2\n", "c.yaml, line 3: There is no option 'epoch'; did you mean epochs?"),
        (b"rank: 8\nrank: 9\n", "c.yaml, line 2: this is no YAML that is read here: the key 'rank' is given twice"),
        (b"rank:\n  eight\n", "c.yaml, line 1: rank is 'eight'; give a whole number."),
        (b"- rank\n", "c.yaml holds a list; write 'option: value' lines"),
        (b"\xff\xfe", "c.yaml is not UTF-8 (byte 0)"),
        (b"a" * 70_000, "c.yaml is larger than 64 KiB"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(tmp_path, content, message):
    (tmp_path / "c.yaml").write_bytes(content)
    with pytest.raises(TuningError, match=re.escape(message)):
        read_options(tmp_path / "c.yaml")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(TuningError, match=r"gone\.yaml cannot be read: No such file"):
        read_options(tmp_path / "gone.yaml")


def test_json_is_read_too(tmp_path):
    (tmp_path / "c.json").write_text('{"rank": 4, "modules": ["q_proj"], "schedule": "constant"}')
    assert read_options(tmp_path / "c.json") == {"rank": 4, "modules": ["q_proj"], "schedule": "constant"}
