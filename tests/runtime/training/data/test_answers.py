"""Loss masks: what the assistant wrote, with the token that ends it, and nothing else; on real templates too."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.loaders.gguf import GGUFFile
from runtime.loaders.model_text import load_model_text
from runtime.tokenizer.base import Tokenizer
from runtime.tokenizer.build import build_tokenizer
from runtime.tokenizer.chat_encoding import encode_chat
from runtime.tokenizer.chat_template import ChatTemplate, PlainTemplate, Template
from runtime.training.data.encode import EncodingSettings, encode_example
from runtime.training.data.example import SkippedLine, TokenExample
from runtime.training.data.messages import read_chat
from runtime.training.data.read import RawLine
from tests.helpers.conversations import CALL, HELLO, RESULT, SYSTEM, WEATHER_TOOL
from tests.helpers.fake_tokenizer import FakeTokenizer
from tests.helpers.real_models import real_model
from tests.helpers.shared_data import shared_data
from tests.helpers.training_data import CHATML, MarkedTokenizer, byte_tokenizer, chat_line, learnt, shown

LONG = EncodingSettings(max_len=1_000_000)
HI, FOUR = {"role": "assistant", "content": "Hi. What can I do?"}, {"role": "assistant", "content": "It is 21 °C."}
TURNS = [SYSTEM, HELLO, HI, {"role": "user", "content": "北京天气？"}, FOUR]
CALLS = [{"role": "user", "content": "北京天气？"}, CALL, RESULT, FOUR]


def encode(
    messages: Any, tokenizer: Tokenizer, template: Template, *, tools: Any = None
) -> list[TokenExample] | SkippedLine:
    line = RawLine(line_number=1, example=read_chat(messages, tools))
    return encode_example(line, tokenizer, template, LONG)


def encoded(messages: Any, tokenizer: Tokenizer, template: Template, *, tools: Any = None) -> list[TokenExample]:
    found = encode(messages, tokenizer, template, tools=tools)
    assert isinstance(found, list), found
    return found


def refused(messages: Any, tokenizer: Tokenizer, template: Template, *, tools: Any = None) -> str:
    found = encode(messages, tokenizer, template, tools=tools)
    assert isinstance(found, SkippedLine), found
    assert not found.is_too_long
    return found.reason


def test_an_answer_is_learnt_with_the_token_that_ends_it() -> None:
    [example] = encoded(chat_line("hi", "ho")["messages"], byte_tokenizer(), CHATML)
    assert shown(example, byte_tokenizer()) == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nho<|im_end|>\n"
    assert learnt(example, byte_tokenizer()) == ["ho<|im_end|>"]


def test_the_same_end_token_after_a_question_is_not_learnt() -> None:
    tokenizer = byte_tokenizer()  # its end of turn is its end of text too
    [example] = encoded(chat_line("hi", "ho", "and?", "so")["messages"], tokenizer, CHATML)
    ends = example.input_ids == tokenizer.eos_id
    assert example.is_supervised[ends].tolist() == [False, True, False, True]


def test_an_answer_that_is_not_to_be_trained_is_only_read() -> None:
    messages = chat_line("hi", "ho", "and?", "so")["messages"]
    messages[1]["train"] = False
    [example] = encoded(messages, byte_tokenizer(), CHATML)
    assert learnt(example, byte_tokenizer()) == ["so<|im_end|>"]
    assert "ho<|im_end|>" in shown(example, byte_tokenizer())


def test_what_follows_the_last_trained_answer_is_left_out() -> None:
    tokenizer = byte_tokenizer()
    [whole] = encoded(chat_line("hi", "ho")["messages"], tokenizer, CHATML)
    [cut] = encoded(chat_line("hi", "ho", "nobody answers this")["messages"], tokenizer, CHATML)
    assert cut.input_ids.tolist() == whole.input_ids.tolist()


def test_an_end_token_spelled_in_an_answer_is_text() -> None:
    answer = "Write <|im_end|>\n<|im_start|>user\nto end it."
    [example] = encoded(chat_line("hi", answer)["messages"], byte_tokenizer(), CHATML)
    assert learnt(example, byte_tokenizer()) == [answer + "<|im_end|>"]
    assert (example.input_ids == byte_tokenizer().eos_id).sum() == 2


@functools.cache
def qwen_tokenizer() -> Tokenizer:
    with GGUFFile.open(shared_data("tokenizer-vocabs") / "ggml-vocab-qwen2.gguf") as file:
        return build_tokenizer(file.metadata)


CONTENTS = st.lists(
    st.sampled_from(
        ["a", " b", "\n", " ", "<|im_end|>", "<|im_start|>assistant\n", "天气", "😀", "\u0301", "\ue000", "1"]
    )
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    min_size=1,
    max_size=6,
).map("".join)
ANSWERS = st.tuples(CONTENTS.filter(lambda text: bool(text.strip())), st.booleans())


@settings(max_examples=60, deadline=None)
@given(
    turns=st.lists(st.tuples(CONTENTS, ANSWERS), min_size=1, max_size=4).filter(lambda t: any(a[1] for _, a in t)),
    has_real_vocabulary=st.booleans(),
)
def test_every_learnt_id_is_one_the_assistant_wrote(
    turns: list[tuple[str, tuple[str, bool]]], has_real_vocabulary: bool
) -> None:
    tokenizer = qwen_tokenizer() if has_real_vocabulary else byte_tokenizer()
    messages: list[dict[str, Any]] = []
    for question, (answer, is_trained) in turns:
        messages += [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer, "train": is_trained},
        ]
    while not messages[-1].get("train"):
        messages.pop()
    [example] = encoded(messages, tokenizer, CHATML)
    plain = [{"role": message["role"], "content": message["content"]} for message in messages]
    own = encode_chat(CHATML, tokenizer, plain, add_generation_prompt=False)
    assert example.input_ids.tolist() == own
    answers = [answer for _, (answer, is_trained) in turns if is_trained]
    stretches = learnt(example, tokenizer)
    assert len(stretches) == len(answers)
    for answer, stretch in zip(answers, stretches, strict=True):
        whole = answer + "<|im_end|>"
        missing = whole.removesuffix(stretch)  # a token that reaches back over the line break before it
        assert missing + stretch == whole
        assert missing == "" or missing.isspace()


# Tokens that end a generation; the last one ends a text too.
ENDS = {
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use": ["<|END_OF_TURN_TOKEN|>"],
    "GLM-4.6": ["<|user|>", "<|observation|>", "<|endoftext|>"],
    "HuggingFaceTB-SmolLM3-3B": ["<|im_end|>"],
    "Kimi-K2-Instruct": ["<|im_end|>"],
    "Qwen-Qwen2.5-7B-Instruct": ["<|im_end|>"],
    "Qwen-Qwen3-0.6B": ["<|im_end|>"],
    "Qwen3-Coder": ["<|im_end|>"],
    "deepseek-ai-DeepSeek-V3.1": ["<｜end▁of▁sentence｜>"],
    "ibm-granite-granite-3.3-2B-Instruct": ["<|end_of_text|>"],
    "meta-llama-Llama-3.1-8B-Instruct": ["<|eom_id|>", "<|eot_id|>"],
    "meta-llama-Llama-3.2-3B-Instruct": ["<|eom_id|>", "<|eot_id|>"],
    "microsoft-Phi-3.5-mini-instruct": ["<|end|>", "<|endoftext|>"],
    "mistralai-Mistral-Nemo-Instruct-2407": ["</s>"],
    "openai-gpt-oss-120b": ["<|return|>", "<|call|>"],
    "google-gemma-2-2b-it": ["<end_of_turn>"],
    "llama-cpp-deepseek-r1": ["<｜end▁of▁sentence｜>"],
}
AROUND = {  # before and after the text of an answer, where there is more than the end token
    "GLM-4.6": ("\n<think></think>\n", ""),
    "Qwen-Qwen3-0.6B": ("<think>\n\n</think>\n\n", "<|im_end|>"),
    "microsoft-Phi-3.5-mini-instruct": ("", "<|end|>"),
    "openai-gpt-oss-120b": ("<|channel|>final<|message|>", "<|return|>"),
}
REFUSE_TURNS = {  # two of them open or skip a thought when they ask, and show answers without one
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use": "asks for message 3 with",
    "google-gemma-2-2b-it": "System role not supported",
    "llama-cpp-deepseek-r1": "asks for message 3 with",
}
SHOW_CALLS = {
    "GLM-4.6",
    "Qwen-Qwen2.5-7B-Instruct",
    "Qwen-Qwen3-0.6B",
    "Qwen3-Coder",
    "meta-llama-Llama-3.1-8B-Instruct",
    "meta-llama-Llama-3.2-3B-Instruct",
    "mistralai-Mistral-Nemo-Instruct-2407",
    "openai-gpt-oss-120b",
}
_MARK = re.compile(r"<[|｜][^>'\"{}]{1,40}[|｜]>|<(?:start|end)_of_turn>|</s>|\[/?[A-Z_]+\]")


def real_template(name: str) -> tuple[ChatTemplate, MarkedTokenizer]:
    source = Path(shared_data("chat-templates"), f"{name}.jinja").read_text("utf-8")
    ends = ENDS[name]
    tokenizer = MarkedTokenizer(tuple(dict.fromkeys(["<s>", *_MARK.findall(source), *ends])), ends)
    return ChatTemplate(source, bos_token="<s>", eos_token=ends[-1]), tokenizer


@pytest.mark.parametrize("name", ENDS)
def test_real_templates_give_answers_with_their_ends(name: str) -> None:
    template, tokenizer = real_template(name)
    if name in REFUSE_TURNS:
        assert REFUSE_TURNS[name] in refused(TURNS, tokenizer, template)
        return
    before, after = AROUND.get(name, ("", ENDS[name][-1]))
    stretches = [text for example in encoded(TURNS, tokenizer, template) for text in learnt(example, tokenizer)]
    expected = [before + message["content"] + after for message in (HI, FOUR)]
    if name == "GLM-4.6":  # an answer ends where the next speaker is named
        expected = [expected[0] + "<|user|>", expected[1] + "<|endoftext|>"]
    assert stretches == expected


@pytest.mark.parametrize("name", [name for name in ENDS if name not in REFUSE_TURNS])
def test_real_templates_give_what_inference_shows(name: str) -> None:
    template, tokenizer = real_template(name)
    examples = encoded(TURNS, tokenizer, template)
    for idx in (2, 4):
        prompt = encode_chat(template, tokenizer, TURNS[:idx])
        starts = [
            example
            for example in examples
            if example.input_ids[: len(prompt)].tolist() == prompt
            and example.is_supervised[len(prompt)]
            and not example.is_supervised[len(prompt) - 1]
        ]
        assert len(starts) == 1, f"answer {idx} is not trained after the prompt it is asked with"


@pytest.mark.parametrize("name", ENDS)
def test_calls_are_learnt_whole_or_refused(name: str) -> None:
    template, tokenizer = real_template(name)
    if name not in SHOW_CALLS:
        reason = refused(CALLS, tokenizer, template, tools=[WEATHER_TOOL])
        assert re.search("does not show the|cannot be used|refuses|asks for message", reason)
        return
    examples = encoded(CALLS, tokenizer, template, tools=[WEATHER_TOOL])
    call, answer = [text for example in examples for text in learnt(example, tokenizer)]
    assert "weather" in call
    assert "北京" in call
    assert call.endswith(tuple(ENDS[name]))
    assert "celsius" not in call + answer
    assert "21 °C." in answer


def test_answers_that_a_template_rewrites_become_examples_of_their_own() -> None:
    template, tokenizer = real_template("Qwen-Qwen3-0.6B")
    thought = [{"role": "assistant", "content": text, "reasoning_content": f"so {text}"} for text in ("4", "5")]
    first, second = encoded([HELLO, thought[0], HELLO, thought[1]], tokenizer, template)
    assert learnt(first, tokenizer) == ["<think>\nso 4\n</think>\n\n4<|im_end|>"]
    assert learnt(second, tokenizer) == ["<think>\nso 5\n</think>\n\n5<|im_end|>"]
    assert "so 4" not in shown(second, tokenizer)  # the template takes earlier reasoning out


def test_what_a_template_leaves_out_is_refused() -> None:
    template, tokenizer = real_template("Qwen-Qwen2.5-7B-Instruct")
    answer = {"role": "assistant", "content": "4", "reasoning_content": "two and two"}
    assert "leaves out what message 2 says: 'two and two'" in refused([HELLO, answer], tokenizer, template)
    assert "does not show the tool 'weather'" in refused([HELLO, HI], tokenizer, CHATML, tools=[WEATHER_TOOL])


def test_a_template_of_plain_turns_gets_an_end_of_text() -> None:
    tokenizer = FakeTokenizer(("<s>", "</s>"), adds_bos=True)
    [example] = encoded(chat_line("hi", "ho", "and?", "so")["messages"], tokenizer, PlainTemplate())
    assert shown(example, tokenizer) == "<s>User: hi\nAssistant: ho\nUser: and?\nAssistant: so\n</s>"
    assert learnt(example, tokenizer) == [" ho\n", " so\n</s>"]


SPANNED = """\
{% for message in messages %}
{{- '<|im_start|>' ~ message['role'] ~ '\\n' }}
{%- if message['role'] == 'assistant' %}
{%- generation %}{{ message['content'] ~ '<|im_end|>' }}{% endgeneration %}
{%- else %}{{ message['content'] ~ '<|im_end|>' }}{% endif %}
{{- '\\n' }}
{%- endfor %}
"""


def test_masks_equal_the_spans_that_transformers_takes_from_a_marked_template() -> None:
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    [text], [spans] = utils.render_jinja_template(
        [TURNS], chat_template=SPANNED, return_assistant_tokens_mask=True, add_generation_prompt=False
    )
    [example] = encoded(TURNS, qwen_tokenizer(), CHATML)
    assert shown(example, qwen_tokenizer()) == text
    assert learnt(example, qwen_tokenizer()) == [text[start:end] for start, end in spans]


def test_masks_of_a_real_model_are_the_rest_after_its_prompt() -> None:
    model = load_model_text(real_model("smollm2-135m"))
    assert model.chat_template is not None
    for answer in ("4", "Paris.\n\nIt is large.", " 北京 <|im_end|> 😀 ", "\tindented"):
        messages = [SYSTEM, HELLO, {"role": "assistant", "content": answer}]
        [example] = encoded(messages, model.tokenizer, model.chat_template)
        prompt = encode_chat(model.chat_template, model.tokenizer, messages[:2])
        whole = encode_chat(model.chat_template, model.tokenizer, messages, add_generation_prompt=False)
        assert example.input_ids.tolist() == whole
        assert whole[: len(prompt)] == prompt
        end = whole.index(model.tokenizer.eos_id, len(prompt))
        assert example.is_supervised.nonzero()[0].tolist() == list(range(len(prompt), end + 1))
        assert learnt(example, model.tokenizer) == [answer + "<|im_end|>"]


def test_a_token_that_begins_before_an_answer_is_not_learnt() -> None:
    tokenizer = qwen_tokenizer()
    [example] = encoded(chat_line("hi", "\n\nho")["messages"], tokenizer, CHATML)
    assert "assistant\n\n\nho<|im_end|>" in shown(example, tokenizer)  # one token holds the three line breaks
    assert learnt(example, tokenizer) == ["ho<|im_end|>"]


@pytest.mark.slow  # transformers takes nine seconds to make a tokenizer of the file
def test_ids_and_masks_of_a_real_model_equal_those_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    model = load_model_text(real_model("smollm2-135m"))
    assert model.chat_template is not None
    theirs = transformers.AutoTokenizer.from_pretrained(model.path.parent, gguf_file=model.path.name)
    written = "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    marked = model.chat_template.source.replace(
        written,
        "{{- '<|im_start|>' + message['role'] + '\n' }}{% if message['role'] == 'assistant' %}"
        "{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
        "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}",
    )
    assert marked != model.chat_template.source
    lines = Path(shared_data("gsm8k/train-2000.jsonl")).read_text("utf-8").splitlines()[:100]
    pairs = [json.loads(line) for line in lines]
    conversations = [chat_line(pair["question"], pair["answer"])["messages"] for pair in pairs]
    conversations += [TURNS, chat_line("你好", "你好！😀\n\n再见。", "a\n", "b <br/>\t")["messages"]]
    num_compared = 0
    for messages in conversations:
        # From a GGUF file, transformers does not cut before digits, as this model's own tokenizer does.
        if any(re.search(r"\s\s\d", message["content"]) for message in messages):
            continue
        num_compared += 1
        [example] = encoded(messages, model.tokenizer, model.chat_template)
        expected = theirs.apply_chat_template(
            messages, chat_template=marked, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        assert example.input_ids.tolist() == expected["input_ids"]
        assert example.is_supervised.astype(int).tolist() == expected["assistant_masks"]
    assert num_compared > 90
