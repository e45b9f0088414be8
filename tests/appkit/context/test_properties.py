"""What holds of every compiled prompt, whatever the sections, the budget, the texts and the model."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from appkit import (
    ContextOverflowError,
    GenerationSettings,
    LanguageModel,
    LocalModel,
    Message,
    ScriptedModel,
    ToolCall,
    ToolSpec,
)
from appkit.context import CompiledContext, Item, Section, SectionUse, compile_context, item_tokens, turns
from tests.helpers.real_models import real_model
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

unhurried = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
SCRIPTED = ScriptedModel(["ok"], repeats=True, max_seq_len=1 << 20)
WORDS = ["the pump", "保修期", "。", " ", "\n\n", "👩‍💻", "{{ x }}", '{"a": 1}', "<|im_end|>", "assistant: ", "é"]
CHARACTERS = st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs", "Cc"])  # SmolLM2 lacks some bytes
texts = st.one_of(st.lists(st.sampled_from(WORDS), max_size=12).map("".join), st.text(CHARACTERS, max_size=30))
tools = st.lists(
    st.builds(ToolSpec, name=st.sampled_from(["look_up", "write"]), description=texts),
    max_size=2,
    unique_by=lambda tool: tool.name,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    keys = {"tokenizer.chat_template": CHAT_TEMPLATE, "llama.context_length": 4096}
    path = write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf", metadata=keys)
    with LocalModel(path, num_threads=1, kv_budget_bytes=16 << 20) as model:
        yield model


@pytest.fixture(scope="module")
def real() -> Iterator[LocalModel]:
    with LocalModel(real_model("smollm2-135m"), num_threads=1) as model:
        yield model


@st.composite
def histories(draw: st.DrawFn) -> tuple[Item, ...]:
    """Turns, some with tool calls, some of whose results come after the person spoke again."""
    messages: list[Message] = []
    for idx in range(draw(st.integers(0, 8))):
        messages.append(Message(role="user", content=draw(texts)))
        if draw(st.booleans()):
            call = ToolCall(name="look_up", arguments={"word": draw(texts)}, id=str(idx))
            messages.append(Message(role="assistant", content="", tool_calls=(call,)))
            if draw(st.booleans()):
                messages.append(Message(role="user", content="hurry"))
            messages.append(Message(role="tool", content=draw(texts), name="look_up", tool_call_id=str(idx)))
        messages.append(Message(role="assistant", content=draw(texts)))
    return turns(messages)


@st.composite
def dialogues(draw: st.DrawFn) -> tuple[Item, ...]:
    """Turns that a model without tools can be shown."""
    said = draw(st.lists(texts, max_size=16))
    return turns([Message(role=("user", "assistant")[idx % 2], content=text) for idx, text in enumerate(said)])


@st.composite
def prompts(draw: st.DrawFn, items: st.SearchStrategy[tuple[Item, ...]]) -> list[Section]:
    """Sections in any order, with any limits."""

    def notes(name: str) -> tuple[Item, ...]:
        return tuple(Item(id=f"{name} {idx}", text=text) for idx, text in enumerate(draw(st.lists(texts, max_size=6))))

    def limited(section: Section) -> Section:
        minimum = draw(st.sampled_from([0, 0, 1, 20, 200]))
        maximum = draw(st.sampled_from([None, None, minimum, minimum + 30]))
        if section.overflow == "refuse":
            minimum, maximum = 0, None
        priority = draw(st.integers(0, 2))
        return replace(section, min_tokens=minimum, max_tokens=maximum, priority=priority)

    past = draw(items)
    keep_from = draw(st.sampled_from([None, "turn 2", "turn 99"]))
    drop_to = draw(st.sampled_from([0.0, 0.5, 0.75, 1.0]))
    sections = [
        Section(name="system", items=notes("system")[:1]),
        Section(name="memory", items=notes("fact"), overflow=draw(st.sampled_from(["refuse", "drop_last"]))),
        Section(name="passages", items=notes("passage"), overflow="drop_last"),
        Section(name="history", items=past, overflow="drop_oldest", keep_from=keep_from, drop_to=drop_to),
        Section(name="question", items=(Item(id="question", text=draw(texts) + "?"),)),
    ]
    return [limited(section) for section in draw(st.permutations(sections))]


def compiled_or_refused(
    sections: list[Section], model: LanguageModel, budget: int, answer_tokens: int, tools: list[ToolSpec]
) -> CompiledContext:
    """The compiled prompt; where it is refused, checks that it had to be, and gives up the example."""
    try:
        return compile_context(sections, model, answer_tokens=answer_tokens, budget=budget, tools=tools)
    except ContextOverflowError as error:
        assert error.num_tokens > error.limit
        assert all(f"\n{section.name}: " in str(error) for section in sections)
        assume(False)
        raise


def check(context: CompiledContext, sections: list[Section], model: LanguageModel, tools: list[ToolSpec]) -> None:
    """The promises that hold of any prompt."""
    assert context.num_tokens == model.count_tokens(context.messages, tools=tools)
    assert context.num_tokens + context.answer_tokens <= context.budget
    told = context.num_tokens - context.tool_tokens - context.template_tokens
    assert told == sum(use.num_tokens for use in context.sections)
    for section, use in zip(sections, context.sections, strict=True):
        kept, dropped = [item.id for item in use.kept], [item.id for item in use.dropped]
        in_order = kept + dropped if section.overflow == "drop_last" else dropped + kept
        assert in_order == [item.id for item in section.items]
        assert use.num_tokens == sum(item_tokens(model, item) for item in section.items if item.id in kept)
        assert section.overflow != "refuse" or not dropped
        assert section.max_tokens is None or use.num_tokens <= section.max_tokens
        if section.max_tokens is None and dropped:
            assert use.num_tokens >= section.min_tokens


def check_priorities(context: CompiledContext) -> None:
    """Where a section without a maximum was cut, all of lower priority are at their minimum."""
    for use in context.sections:
        if use.dropped and use.max_tokens is None:
            lower = [other for other in context.sections if other.priority < use.priority]
            assert all(is_at_minimum(other) for other in lower)


def is_at_minimum(use: SectionUse) -> bool:
    if use.overflow == "refuse" or not use.kept:
        return True
    next_one = use.kept[-1] if use.overflow == "drop_last" else use.kept[0]
    return use.num_tokens - next_one.num_tokens < use.min_tokens


def check_pairs(context: CompiledContext) -> None:
    called = {call.id for message in context.messages for call in message.tool_calls}
    answered = {message.tool_call_id for message in context.messages if message.role == "tool"}
    assert called == answered


@unhurried
@given(prompts(histories()), st.integers(2, 1200), st.integers(1, 60), tools)
def test_every_prompt_keeps_its_promises(
    sections: list[Section], budget: int, answer_tokens: int, tools: list[ToolSpec]
) -> None:
    assume(answer_tokens < budget)
    context = compiled_or_refused(sections, SCRIPTED, budget, answer_tokens, tools)
    check(context, sections, SCRIPTED, tools)
    check_pairs(context)
    assert len(SCRIPTED.chat(context.messages, tools=tools).prompt_ids) == context.num_tokens
    assert compile_context(sections, SCRIPTED, answer_tokens=answer_tokens, budget=budget, tools=tools) == context


@unhurried
@given(prompts(histories()), st.integers(40, 900))
def test_a_lower_priority_is_dropped_before_a_higher_one(sections: list[Section], budget: int) -> None:
    sections = [replace(section, keep_from=None, drop_to=1.0) for section in sections]
    check_priorities(compiled_or_refused(sections, SCRIPTED, budget, 8, []))


@unhurried
@given(prompts(histories()), st.integers(40, 900))
def test_no_more_is_dropped_than_must_be(sections: list[Section], budget: int) -> None:
    """A prompt compiled for a little more room is the same one, or one that would not have fitted here."""
    sections = [replace(section, keep_from=None, drop_to=1.0, max_tokens=None) for section in sections]
    context = compiled_or_refused(sections, SCRIPTED, budget, 8, [])
    roomier = compile_context(sections, SCRIPTED, answer_tokens=8, budget=SCRIPTED.max_seq_len)
    longer = [
        compile_context(sections, SCRIPTED, answer_tokens=8, budget=longer_budget)
        for longer_budget in range(budget, min(budget + 40, roomier.num_tokens + 9))
    ]
    lengths = [context.num_tokens, *(other.num_tokens for other in longer)]
    assert all(shorter <= other for shorter, other in pairwise(lengths))
    assert all(other.num_tokens == context.num_tokens or other.num_tokens + 8 > budget for other in longer)


@unhurried
@given(prompts(dialogues()), st.integers(30, 600), st.integers(1, 40))
def test_on_a_tiny_model_every_prompt_keeps_its_promises(
    tiny: LocalModel, sections: list[Section], budget: int, answer_tokens: int
) -> None:
    assume(answer_tokens < budget)
    context = compiled_or_refused(sections, tiny, budget, answer_tokens, [])
    check(context, sections, tiny, [])


@unhurried
@given(prompts(dialogues()), st.integers(40, 400), st.integers(1, 40))
def test_on_a_real_model_every_prompt_keeps_its_promises(
    real: LocalModel, sections: list[Section], budget: int, answer_tokens: int
) -> None:
    assume(answer_tokens < budget)
    context = compiled_or_refused(sections, real, budget, answer_tokens, [])
    check(context, sections, real, [])


@settings(unhurried, max_examples=8)
@given(prompts(dialogues()), st.integers(60, 200))
def test_the_stated_length_is_what_a_model_is_shown(tiny: LocalModel, sections: list[Section], budget: int) -> None:
    context = compiled_or_refused(sections, tiny, budget, 4, [])
    completion = tiny.chat(context.messages, GenerationSettings(max_tokens=1))
    assert len(completion.prompt_ids) == context.num_tokens
