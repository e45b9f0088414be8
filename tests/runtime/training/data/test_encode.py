"""Examples as ids: every kind of line, and every policy for long ones."""

import datetime
from typing import Any

import pytest

from runtime.loaders.gguf import GGUFFile
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.chat_template import ChatTemplate, PlainTemplate
from runtime.training.data.encode import EncodingSettings, encode_example, encode_preference
from runtime.training.data.example import PreferencePair, SkippedLine, TokenExample
from runtime.training.data.formats import CompletionExample, PlainTextExample, PreferenceExample, RawExample
from runtime.training.data.messages import question_and_answer
from runtime.training.data.read import RawLine
from tests.helpers.fake_tokenizer import FakeTokenizer
from tests.helpers.shared_data import shared_data
from tests.helpers.training_data import CHATML, byte_tokenizer, learnt, shown

TOKENIZER = FakeTokenizer(("<s>", "</s>"), adds_bos=True)
CHAT = question_and_answer("hi", "ho")


def encode(example: RawExample, **settings: Any) -> list[TokenExample] | SkippedLine:
    line = RawLine(line_number=7, example=example)
    return encode_example(line, TOKENIZER, PlainTemplate(), EncodingSettings(**settings), source="a.jsonl")


def encoded(example: RawExample, **settings: Any) -> list[TokenExample]:
    found = encode(example, **settings)
    assert isinstance(found, list), found
    return found


def test_an_example_knows_its_line() -> None:
    [example] = encoded(CHAT)
    assert (example.line_number, example.source, example.is_truncated) == (7, "a.jsonl", False)


def test_a_completion_of_a_bare_text_is_learnt_with_its_end() -> None:
    [example] = encoded(CompletionExample(prompt="2+2=", completion=" 4"), prompts="text")
    assert shown(example, TOKENIZER) == "<s>2+2= 4</s>"
    assert learnt(example, TOKENIZER) == [" 4</s>"]


def test_a_bare_prompt_keeps_the_ids_that_inference_shows() -> None:
    line = RawLine(line_number=1, example=CompletionExample(prompt="on t", completion="he dot"))
    found = encode_example(line, byte_tokenizer(), CHATML, EncodingSettings(prompts="text"))
    assert isinstance(found, list)
    prompt = byte_tokenizer().encode("on t")
    assert byte_tokenizer().encode("on the")[: len(prompt)] != prompt  # " the" is one token
    assert found[0].input_ids[: len(prompt)].tolist() == prompt
    assert learnt(found[0], byte_tokenizer()) == ["he dot<|im_end|>"]


def test_a_vocabulary_that_puts_a_space_first_loses_the_token_in_between() -> None:
    with GGUFFile.open(shared_data("tokenizer-vocabs") / "ggml-vocab-llama-spm.gguf") as file:
        tokenizer = build_tokenizer(file.metadata)
    line = RawLine(line_number=1, example=CompletionExample(prompt="on th", completion="e dot"))
    found = encode_example(line, tokenizer, CHATML, EncodingSettings(prompts="text"))
    assert isinstance(found, list)
    assert shown(found[0], tokenizer) == "<s>on the dot</s>"
    assert learnt(found[0], tokenizer) == [" dot</s>"]


def test_a_completion_is_a_turn_where_prompts_are_chat() -> None:
    [as_chat] = encoded(CompletionExample(prompt="hi", completion="ho"))
    [chat] = encoded(CHAT)
    assert as_chat.input_ids.tolist() == chat.input_ids.tolist()
    assert as_chat.is_supervised.tolist() == chat.is_supervised.tolist()


def test_supervising_all_leaves_out_only_the_first_token() -> None:
    examples = [CHAT, CompletionExample(prompt="hi", completion="ho"), PlainTextExample(text="hi")]
    for example in examples:
        [found] = encoded(example, supervise="all", prompts="text")
        assert found.is_supervised.tolist() == [False] + [True] * (len(found) - 1)
        assert found.input_ids[-1] == TOKENIZER.eos_id


def test_every_token_of_a_long_text_is_learnt_once() -> None:
    text = "".join(chr(97 + i % 26) for i in range(100))
    windows = encoded(PlainTextExample(text=text), max_len=7)
    assert max(map(len, windows)) == 7
    assert "".join(part for window in windows for part in learnt(window, TOKENIZER)) == text + "</s>"
    assert windows[1].input_ids[0] == windows[0].input_ids[-1]  # read again, to predict from


@pytest.mark.parametrize("length", [5, 6, 7])  # one less than two windows of 4, two, one more
def test_windows_at_their_edges_lose_nothing(length: int) -> None:
    windows = encoded(PlainTextExample(text="x" * (length - 2)), max_len=4)
    assert sum(window.num_supervised for window in windows) == length - 1


def test_long_examples_are_left_out() -> None:
    found = encode(CHAT, max_len=10)
    assert isinstance(found, SkippedLine)
    assert found.is_too_long
    assert found.reason == "it has 25 tokens, and 10 are allowed"
    assert isinstance(encode(CHAT, max_len=25), list)


def test_truncating_left_keeps_the_end() -> None:
    [example] = encoded(CHAT, max_len=10, too_long="truncate-left")
    assert shown(example, TOKENIZER) == "tant: ho\n</s>"
    assert learnt(example, TOKENIZER) == [" ho\n</s>"]
    assert example.is_truncated


def test_truncating_never_makes_the_first_token_a_target() -> None:
    [example] = encoded(CHAT, max_len=3, too_long="truncate-left")
    assert example.is_supervised.tolist() == [False, True, True]


def test_truncating_right_keeps_the_beginning() -> None:
    [example] = encoded(CHAT, max_len=23, too_long="truncate-right")
    assert shown(example, TOKENIZER) == "<s>User: hi\nAssistant: ho"
    assert learnt(example, TOKENIZER) == [" ho"]


def test_a_cut_that_leaves_nothing_to_learn_is_counted_as_too_long() -> None:
    found = encode(CHAT, max_len=10, too_long="truncate-right")
    assert isinstance(found, SkippedLine)
    assert (found.is_too_long, found.reason) == (True, "cut to 10 tokens, nothing of it is left to learn")


def test_text_that_no_vocabulary_holds_is_a_line_at_fault() -> None:
    line = RawLine(line_number=1, example=PlainTextExample(text="\ud800"))
    found = encode_example(line, byte_tokenizer(), CHATML, EncodingSettings())
    assert isinstance(found, SkippedLine)
    assert not found.is_too_long
    assert "surrogate" in found.reason


def test_a_text_of_one_token_has_nothing_to_learn() -> None:
    tokenizer = FakeTokenizer(())
    line = RawLine(line_number=1, example=PlainTextExample(text="x"))
    found = encode_example(line, tokenizer, PlainTemplate(), EncodingSettings())
    assert isinstance(found, SkippedLine)
    assert found.reason == "it has no token to learn"


def test_a_system_message_is_put_where_none_is() -> None:
    own = question_and_answer("hi", "ho", system="Own.")
    assert shown(encoded(CHAT, system="Given.")[0], TOKENIZER).startswith("<s>Given.\n\nUser")
    assert shown(encoded(own, system="Given.")[0], TOKENIZER).startswith("<s>Own.\n\nUser")


def test_a_template_is_told_the_time() -> None:
    template = ChatTemplate(
        "{{ strftime_now('%Y') }}{{ messages|map(attribute='content')|join(':') }}:", bos_token="", eos_token=""
    )
    now = datetime.datetime(1999, 1, 1)
    line = RawLine(line_number=1, example=CHAT)
    found = encode_example(line, TOKENIZER, template, EncodingSettings(now=now))
    assert isinstance(found, list)
    assert shown(found[0], TOKENIZER) == "1999hi:ho:</s>"


def test_a_preference_is_two_answers_to_one_prompt() -> None:
    sides = PreferenceExample(
        chosen=CompletionExample(prompt="hi", completion="ho"), rejected=CompletionExample(prompt="hi", completion="no")
    )
    line = RawLine(line_number=3, example=sides)
    pair = encode_preference(line, TOKENIZER, PlainTemplate(), EncodingSettings())
    assert isinstance(pair, PreferencePair)
    assert (learnt(pair.chosen, TOKENIZER), learnt(pair.rejected, TOKENIZER)) == ([" ho\n</s>"], [" no\n</s>"])
    assert pair.line_number == 3
    too_long = encode_preference(line, TOKENIZER, PlainTemplate(), EncodingSettings(max_len=4))
    assert isinstance(too_long, SkippedLine)
    with pytest.raises(TypeError, match="encode_preference"):
        encode_example(line, TOKENIZER, PlainTemplate(), EncodingSettings())
    with pytest.raises(TypeError, match="encode_example"):
        encode_preference(RawLine(line_number=1, example=CHAT), TOKENIZER, PlainTemplate(), EncodingSettings())


@pytest.mark.parametrize(
    "settings", [{"max_len": 1}, {"supervise": "questions"}, {"too_long": "wrap"}, {"prompts": "both"}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        EncodingSettings(**settings)
