"""Chat templates: real ones against transformers, and what we bring for models without one."""

import datetime
import itertools
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import ChatTemplateError
from runtime.tokenizer.chat_template import CHATML_SOURCE, ChatTemplate, PlainTemplate, default_template
from tests.helpers.conversations import CONVERSATIONS, SEARCH_TOOL, WEATHER_TOOL
from tests.helpers.fake_tokenizer import FakeTokenizer
from tests.helpers.shared_data import shared_data

TEMPLATE_NAMES = [
    "CohereForAI-c4ai-command-r7b-12-2024-tool_use",
    "GLM-4.6",
    "HuggingFaceTB-SmolLM3-3B",
    "Kimi-K2-Instruct",
    "NousResearch-Hermes-3-Llama-3.1-8B-tool_use",
    "Qwen-Qwen2.5-7B-Instruct",
    "Qwen-Qwen3-0.6B",
    "Qwen3-Coder",
    "deepseek-ai-DeepSeek-V3.1",
    "google-gemma-2-2b-it",
    "ibm-granite-granite-3.3-2B-Instruct",
    "llama-cpp-deepseek-r1",
    "meta-llama-Llama-3.1-8B-Instruct",
    "meta-llama-Llama-3.2-3B-Instruct",
    "microsoft-Phi-3.5-mini-instruct",
    "mistralai-Mistral-Nemo-Instruct-2407",
    "openai-gpt-oss-120b",
]
TOOLS = {"no tools": None, "tools": [WEATHER_TOOL, SEARCH_TOOL], "empty tools": []}
THINKING: list[dict[str, Any]] = [{}, {"enable_thinking": False}, {"enable_thinking": True, "documents": []}]
NOW = datetime.datetime(2024, 2, 29, 13, 5)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


def source_of(name: str) -> str:
    return Path(shared_data("chat-templates"), f"{name}.jinja").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", TEMPLATE_NAMES)
def test_renders_as_transformers_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    monkeypatch.setattr(utils, "datetime", FixedClock)
    source = source_of(name)
    ours = ChatTemplate(source, **SPECIAL)
    num_rendered = 0
    for messages, tools, add, more in itertools.product(
        CONVERSATIONS.values(), TOOLS.values(), [True, False], THINKING
    ):
        try:
            [expected], _ = utils.render_jinja_template(
                [messages], tools=tools, chat_template=source, add_generation_prompt=add, **SPECIAL, **more
            )
        except Exception:
            with pytest.raises(ChatTemplateError):
                ours.render(messages, tools=tools, add_generation_prompt=add, now=NOW, **more)
            continue
        assert ours.render(messages, tools=tools, add_generation_prompt=add, now=NOW, **more) == expected
        num_rendered += 1
    assert num_rendered > 100


class FixedClock:
    @staticmethod
    def now() -> datetime.datetime:
        return NOW


def test_time_is_told_by_the_caller() -> None:
    template = ChatTemplate("{{ strftime_now('%d %B %Y') }}", **SPECIAL)
    assert template.render([], now=NOW) == "29 February 2024"
    assert template.render([]) == datetime.datetime.now().strftime("%d %B %Y")


def test_generation_tag_passes_its_text_through() -> None:
    template = ChatTemplate("a{% generation %}b{{ eos_token }}{% endgeneration %}c", **SPECIAL)
    assert template.render([]) == "ab</s>c"


def test_special_tokens_are_variables() -> None:
    template = ChatTemplate(
        "{{ bos_token }}{{ eos_token }}{{ pad_token }}{{ unk_token }}|", **SPECIAL, special_tokens={"pad_token": "<p>"}
    )
    assert template.render([]) == "<s></s><p>|"


def test_variables_names_what_a_template_reads() -> None:
    names = ChatTemplate("{{ tools }}{{ messages }}{% set x = 1 %}{{ x }}{{ raise_exception }}", **SPECIAL).variables()
    assert names == {"tools", "messages"}


def test_refusal_of_a_template_is_told_in_its_words() -> None:
    template = ChatTemplate("{{ raise_exception('roles must alternate') }}", **SPECIAL)
    with pytest.raises(ChatTemplateError, match="refuses this conversation: roles must alternate"):
        template.render([])


def test_broken_template_names_the_line() -> None:
    with pytest.raises(ChatTemplateError, match="line 2"):
        ChatTemplate("\n{% if %}", **SPECIAL).render([])


def test_message_that_is_no_mapping_is_refused() -> None:
    with pytest.raises(TypeError, match=r"messages\[0\] is a str"):
        ChatTemplate("", **SPECIAL).render(["hello"])  # type: ignore[list-item]


def test_chatml_is_the_default_where_its_mark_is_one_token() -> None:
    template = default_template(FakeTokenizer(special=("<|im_start|>", "<|im_end|>")))
    assert isinstance(template, ChatTemplate)
    assert template.render(CONVERSATIONS["system"]) == (
        "<|im_start|>system\nYou are brief.<|im_end|>\n<|im_start|>user\nHello!<|im_end|>\n<|im_start|>assistant\n"
    )


def test_chatml_joins_content_parts() -> None:
    text = ChatTemplate(CHATML_SOURCE, **SPECIAL).render(CONVERSATIONS["parts"], add_generation_prompt=False)
    assert text == "<|im_start|>user\nLook:天<|im_end|>\n"


def test_chatml_refuses_tools() -> None:
    with pytest.raises(ChatTemplateError, match="no tools"):
        ChatTemplate(CHATML_SOURCE, **SPECIAL).render([], tools=[WEATHER_TOOL])


def test_base_model_gets_plain_turns_and_their_stops() -> None:
    template = default_template(FakeTokenizer(special=()))
    assert isinstance(template, PlainTemplate)
    assert template.render(CONVERSATIONS["turns"]) == (
        "You are brief.\n\nUser: Hello!\nAssistant: Hi. What can I do?\nUser: Count to 3.\nAssistant:"
    )
    assert template.stops == ("\nUser:", "\nAssistant:")


@pytest.mark.parametrize("name", ["result", "unknown role", "parts"])
def test_plain_turns_refuse_what_they_have_no_form_for(name: str) -> None:
    with pytest.raises(ChatTemplateError, match="base model"):
        PlainTemplate().render(CONVERSATIONS[name])
