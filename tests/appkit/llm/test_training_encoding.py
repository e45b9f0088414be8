"""What is trained on with tools is what the model is asked with, and what it would write."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appkit import LocalModel, Message, ToolSpec
from appkit.llm.tool_formats.parse import parse_answer
from appkit.llm.tool_formats.syntax import OWN
from appkit.llm.training_encoding import training_encoding
from appkit.messages import ToolCall
from runtime import load_model_text, model_encoding
from runtime.training.data.encode import encode_example
from runtime.training.data.example import SkippedLine, TokenExample
from runtime.training.data.messages import read_chat
from runtime.training.data.read import RawLine
from tests.helpers.shared_data import shared_data
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model
from tests.helpers.training_data import learnt

WEATHER = ToolSpec(
    name="weather",
    description="Weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)
CALL = ToolCall(name="weather", arguments={"city": "北京"})
TURNS = (
    Message(role="user", content="How warm is it in 北京?"),
    Message(role="assistant", content="", tool_calls=(CALL,)),
    Message(role="tool", content="21 °C", name="weather"),
    Message(role="assistant", content="It is 21 °C."),
)


def write_model(folder: Path, template: str) -> Path:
    metadata = {"tokenizer.chat_template": template, "llama.context_length": 4096}
    return write_tiny_model(folder / "tiny.gguf", metadata=metadata)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    """One whose template knows no tools."""
    path = write_model(tmp_path_factory.mktemp("model"), CHAT_TEMPLATE)
    with LocalModel(path, num_threads=1, kv_budget_bytes=8 << 20) as model:
        yield model


def encoded(path: Path, messages: list[dict[str, Any]], tools: list[dict[str, Any]], **options: Any) -> Any:
    """The sequences of a line, or why it is left out."""
    text = load_model_text(path)
    template, settings = training_encoding(text, **options)
    line = RawLine(line_number=1, example=read_chat(messages, tools))
    return encode_example(line, text.tokenizer, template, settings)


@pytest.mark.parametrize("system", [None, "Be brief."])
def test_calls_are_learnt_after_what_the_model_is_asked_with(model: LocalModel, system: str | None) -> None:
    first = [Message(role="system", content=system)] if system else []
    turns = [*first, *TURNS]
    [example] = encoded(model.engine.model.path, [turn.to_template() for turn in turns], [WEATHER.to_template()])
    call, answer = learnt(example, model.engine.model.tokenizer)
    assert parse_answer(call.removesuffix("<|im_end|>"), OWN, {"weather"}) == ("", (CALL,))
    assert answer.endswith("It is 21 °C.<|im_end|>")
    for end in (len(first) + 1, len(first) + 3):
        asked = model.encode_prompt(turns[:end], tools=[WEATHER])
        start = starts(example)[end > len(first) + 1]
        assert tuple(example.input_ids[:start].tolist()) == asked


def starts(example: TokenExample) -> list[int]:
    """Where stretches that are learnt begin."""
    is_learnt = example.is_supervised
    return [i for i in range(1, len(is_learnt)) if is_learnt[i] and not is_learnt[i - 1]]


def test_the_models_own_system_message_does_not_stand_before_described_tools(model: LocalModel) -> None:
    asked = [turn.to_template() for turn in TURNS[:1]]
    lines = (
        ([*asked, TURNS[1].to_template()], [WEATHER.to_template()]),
        ([*asked, {"role": "assistant", "content": "No."}], []),
    )
    found = [encoded(model.engine.model.path, *line, system="Be kind.") for line in lines]
    shown = [model.engine.model.tokenizer.decode(sequence[0].input_ids) for sequence in found]
    assert ["Be kind." in text for text in shown] == [False, True]


def test_a_template_that_shows_tools_shows_them_itself(tmp_path: Path) -> None:
    template = (shared_data("chat-templates") / "Qwen-Qwen2.5-7B-Instruct.jinja").read_text("utf-8")
    path = write_model(tmp_path, template)
    text = load_model_text(path)
    line = RawLine(line_number=1, example=read_chat([turn.to_template() for turn in TURNS], [WEATHER.to_template()]))
    [as_it_is] = encode_example(line, text.tokenizer, *model_encoding(text))  # type: ignore[misc]
    [found] = encoded(path, [turn.to_template() for turn in TURNS], [WEATHER.to_template()])
    assert found.input_ids.tolist() == as_it_is.input_ids.tolist()


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        ([{"name": "weather"}, {"name": "weather"}], "Two tools are named 'weather'"),
        ([{"name": "no spaces please"}], "a name has 1 to 64 letters"),
        ([{"name": "weather", "parameters": [1]}], "no object as parameters"),
        ([{"name": "weather", "description": 3}], "no text as description"),
    ],
    ids=["twice", "name", "parameters", "description"],
)
def test_tools_that_cannot_be_shown_are_a_fault_of_the_line(
    model: LocalModel, tools: list[dict[str, Any]], reason: str
) -> None:
    skipped = encoded(model.engine.model.path, [turn.to_template() for turn in TURNS[:2]], tools)
    assert isinstance(skipped, SkippedLine)
    assert reason in skipped.reason
