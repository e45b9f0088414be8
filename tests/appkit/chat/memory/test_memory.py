"""A conversation that grows long goes on, says what it leaves out, and remembers what its policies promise."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from appkit import (
    Chat,
    ContextOverflowError,
    ConversationNotice,
    ConversationStore,
    GenerationSettings,
    LocalModel,
    Message,
    ScriptedModel,
)
from appkit.chat.memory import Memory, PinnedFacts, RunningSummary, TokenBudget, VectorRecall, Window
from appkit.llm.base import Completion
from tests.helpers.tiny_embedder import TinyEmbedder
from tests.helpers.tiny_model import CHAT_TEMPLATE, write_tiny_model

PAGE_SIZE = 16


def parrot(max_seq_len: int = 600, **options: Any) -> ScriptedModel:
    def answer(prompt: Any) -> str:
        last = prompt[-1].content
        return "a summary" if "Summar" in last or "Summary:" in last else f"re {last.split()[-1]}"

    return ScriptedModel(answer, max_seq_len=max_seq_len, **options)


def shown(model: ScriptedModel) -> list[Message]:
    return list(model.requests[-1].prompt)  # type: ignore[arg-type]


def talk(chat: Chat, count: int, start: int = 0) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversationNotice)
        for n in range(start, start + count):
            chat.send(f"question number {n}")


@pytest.mark.parametrize(
    "memory",
    [
        TokenBudget(),
        TokenBudget(tokens=300, answer_tokens=20),
        Window(turns=3),
        Window(turns=100),
        RunningSummary(max_tokens=16),
        [Window(turns=2), RunningSummary(max_tokens=16)],
        VectorRecall(TinyEmbedder(), max_tokens=100),
        [PinnedFacts(("I am Dana.",)), Window(turns=4), RunningSummary(max_tokens=16), VectorRecall(TinyEmbedder())],
    ],
)
@pytest.mark.parametrize("system", [None, "Be kind.", ""])
def test_a_conversation_never_overflows_and_its_newest_turn_is_shown(memory: Any, system: str | None) -> None:
    model = parrot()
    chat = Chat(model, system, memory=memory, settings=GenerationSettings(max_tokens=50))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversationNotice)
        for n in range(40):
            turn = chat.stream(f"question number {n}")
            assert turn.context is not None
            assert turn.context.num_tokens + turn.context.answer_tokens <= turn.context.budget <= 600
            assert turn.context.messages[-1].content.endswith(f"question number {n}")
            if n:
                assert turn.context.section("history").kept[-1].id == f"turn {n}"
            assert turn.result().text == f"re {n}"
    assert len(chat.messages) == 80
    assert turn.context.section("history").dropped or memory == Window(turns=100)


def test_a_message_that_alone_does_not_fit_raises_with_numbers_and_changes_nothing() -> None:
    chat = Chat(parrot(), memory=TokenBudget(answer_tokens=100))
    chat.send("hello")
    with pytest.raises(ContextOverflowError, match=r"room for 500(.|\n)*question: 7\d\d tokens") as caught:
        chat.send("x" * 700)
    assert caught.value.limit == 500
    assert caught.value.num_tokens > 700
    assert len(chat.messages) == 2
    assert chat.send("hello again").text == "re again"


def test_leaving_turns_out_is_said_once() -> None:
    chat = Chat(parrot(), memory=TokenBudget())
    with pytest.warns(ConversationNotice, match="longer than what scripted is shown of it") as said:
        for n in range(60):
            chat.send(f"question number {n}")
    assert len(said) == 1
    assert "left out now, and more will follow" in str(said[0].message)


def test_what_stands_in_front_stays_for_several_turns() -> None:
    """Cuts are few, so that the KV cache is of use: between two of them only the newest turn is computed."""
    chat = Chat(parrot(1000), memory=TokenBudget(answer_tokens=50))
    firsts: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversationNotice)
        for n in range(80):
            turn = chat.stream(f"question number {n}")
            turn.result()
            assert turn.context is not None
            firsts.append(turn.context.first_kept("history") or "")
    late = firsts[40:]
    assert len(set(late)) <= len(late) / 4


def test_a_window_shows_the_last_turns_and_moves_in_steps() -> None:
    model = parrot(5000)
    chat = Chat(model, memory=Window(turns=8))
    counts: list[int] = []
    for n in range(20):
        talk(chat, 1, n)
        counts.append(sum(message.role == "user" for message in shown(model)) - 1)
    assert counts[:9] == list(range(9))
    assert set(counts[9:]) == {7, 8}
    with pytest.raises(ValueError, match="show at least 1"):
        Window(turns=0)


class WithOwnSystem(ScriptedModel):
    system_prompt = "Tested words."


def test_a_models_own_system_message_stays_in_front_of_what_is_remembered() -> None:
    model = WithOwnSystem(["ok"], repeats=True)
    Chat(model, memory=PinnedFacts(("I am Dana.", "我吃素。"))).send("hi")
    assert shown(model)[0] == Message(role="system", content="Tested words.\n\nKeep in mind:\n- I am Dana.\n- 我吃素。")
    Chat(model, "Mine.", memory=PinnedFacts(("I am Dana.",))).send("你好，你是谁？")
    assert shown(model)[0].content == "Mine.\n\n请记住：\n- I am Dana."
    Chat(model, memory=TokenBudget()).send("hi")
    assert [m.content for m in shown(model)] == ["hi"]  # where nothing is remembered, the model adds it itself
    with pytest.raises(TypeError, match="give a tuple"):
        PinnedFacts("I am Dana.")  # type: ignore[arg-type]


def test_a_summary_stands_for_the_turns_that_are_left_out_and_is_made_on_a_branch() -> None:
    model = parrot()
    chat = Chat(model, "Be kind.", memory=RunningSummary(max_tokens=20), settings=GenerationSettings(max_tokens=50))
    talk(chat, 30)
    first = shown(model)[0].content
    assert first == "Be kind.\n\nWhat this conversation was about before: a summary"
    assert all("ummar" not in message.content for message in chat.messages)  # the trunk knows nothing of it
    asked = [request for request in model.requests if "Summary:" in request.prompt[-1].content]  # type: ignore[union-attr]
    assert 1 <= len(asked) < 12
    assert "question number 0" in asked[0].prompt[-1].content  # type: ignore[union-attr]
    assert "Before: a summary" in asked[1].prompt[-1].content  # type: ignore[union-attr]


def test_a_summary_on_the_prefix_extends_what_the_model_was_shown() -> None:
    model = parrot()
    memory = RunningSummary(max_tokens=20, on_prefix=True)
    chat = Chat(model, "Be kind.", memory=memory, settings=GenerationSettings(max_tokens=50))
    talk(chat, 20)
    idx = next(n for n, r in enumerate(model.requests) if r.prompt[-1].content.startswith("Summarise our"))  # type: ignore[union-attr]
    before, wish = model.requests[idx - 1].prompt, model.requests[idx].prompt
    assert tuple(wish[:-1]) == tuple(before[: len(wish) - 1])
    assert len(wish) > 3


def test_a_summary_is_kept_with_the_messages_it_is_about(tmp_path: Path) -> None:
    with ConversationStore(tmp_path / "c.db") as store:
        model = parrot()
        memory = RunningSummary(max_tokens=20)
        settings = GenerationSettings(max_tokens=50)
        chat = Chat(model, memory=memory, store=store, settings=settings)
        talk(chat, 30)
        expected = chat.fork()
        talk(expected, 1, 30)
        live = shown(model)
        num_asked = len(model.requests)
        again = Chat(model, memory=memory, store=store, settings=settings, conversation=chat.conversation_id)
        talk(again, 1, 30)
        assert len(model.requests) == num_asked + 1  # the summary was not made again
        assert shown(model) == live
        talk_start = again.undo(29)  # before all that was summed up
        assert len(talk_start) == 58
        talk(again, 1, 100)
        assert all("a summary" not in message.content for message in shown(model))


def test_a_cut_is_remembered_by_another_process(tmp_path: Path) -> None:
    with ConversationStore(tmp_path / "c.db") as store:
        model = parrot()
        chat = Chat(model, memory=TokenBudget(), store=store)
        talk(chat, 31)
        fork = chat.fork()
        talk(fork, 1, 31)
        live = shown(model)
        talk(Chat(model, memory=TokenBudget(), store=store, conversation=chat.conversation_id), 1, 31)
        assert shown(model) == live


def test_turns_too_many_for_one_reading_are_summed_up_in_steps(tmp_path: Path) -> None:
    with ConversationStore(tmp_path / "c.db") as store:
        chat = Chat(parrot(20_000), store=store)
        talk(chat, 60)
        small = parrot(900)
        memory = RunningSummary(max_tokens=20)
        with pytest.warns(ConversationNotice, match="left out now"):
            Chat(small, memory=memory, store=store, conversation=chat.conversation_id).send("and now?")
        assert len(small.requests) > 3
        assert max(small.count_tokens(request.prompt) for request in small.requests) < 900


def test_a_turn_too_long_to_be_summed_up_is_named() -> None:
    big = ScriptedModel(["x" * 4000], repeats=True, max_seq_len=10_000)
    chat = Chat(big)
    chat.send("long")
    small = Chat(parrot(800), memory=RunningSummary(max_tokens=20))
    small._line._messages = chat.messages
    with (
        pytest.warns(ConversationNotice, match="left out now"),
        pytest.warns(ConversationNotice, match="turn 1 is too long for scripted to sum up"),
    ):
        small.send("short")


def test_recall_shows_what_is_near_and_not_shown_any_more() -> None:
    model = ScriptedModel(["ok"], repeats=True, max_seq_len=5000)
    chat = Chat(model, memory=[Window(turns=2), VectorRecall(TinyEmbedder(), limit=1)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversationNotice)
        for text in (
            "my dog is called Rex",
            "I like green tea",
            "the sun is hot",
            "planes fly high",
            "trains run late",
        ):
            chat.send(text)
        chat.send("how is my dog called")
    last = shown(model)[-1].content
    assert last == (
        "Said earlier in this conversation:\nUser: my dog is called Rex\nAssistant: ok\n\nhow is my dog called"
    )
    assert chat.messages[-2].content == "how is my dog called"  # what was recalled does not enter the conversation
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversationNotice)
        chat.send("are planes late")
    assert "planes fly" not in "".join(m.content for m in shown(model)[:-1])


def test_recall_keeps_to_its_tokens_and_its_least_score() -> None:
    model = ScriptedModel(["ok"], repeats=True, max_seq_len=5000)
    for recall in (VectorRecall(TinyEmbedder(), max_tokens=40), VectorRecall(TinyEmbedder(), min_score=1.1)):
        chat = Chat(model, memory=[Window(turns=1), recall])
        talk(chat, 6)
        assert shown(model)[-1].content == "question number 5"
    with pytest.raises(ValueError, match="both begin at 1"):
        VectorRecall(TinyEmbedder(), limit=0)


def test_every_turn_is_embedded_once() -> None:
    embedder = TinyEmbedder()
    chat = Chat(parrot(5000), memory=[Window(turns=2), VectorRecall(embedder)])
    talk(chat, 12)
    turns = [text for text in embedder.embedded if text.startswith("User: ")]
    assert len(turns) == len(set(turns)) == 9


class Shouting(Memory):
    """A policy of one's own."""

    stage = 5

    def arrange(self, showing: Any) -> Any:
        from dataclasses import replace

        return replace(showing, system="LOUD")


def test_a_policy_of_ones_own_has_its_say() -> None:
    model = parrot()
    Chat(model, memory=[Shouting()]).send("hi")
    assert shown(model)[0].content == "LOUD"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    metadata = {"tokenizer.chat_template": CHAT_TEMPLATE, "llama.context_length": 4096}
    with LocalModel(write_tiny_model(path, metadata=metadata), num_threads=1) as model:
        yield model


@pytest.mark.parametrize("on_prefix", [False, True])
def test_after_a_side_call_the_trunk_still_finds_its_keys_and_values(tiny: LocalModel, on_prefix: bool) -> None:
    settings = GenerationSettings(temperature=0.0, max_tokens=16)
    memory = [TokenBudget(tokens=700), RunningSummary(max_tokens=32, on_prefix=on_prefix)]
    chat = Chat(tiny, settings=settings, memory=memory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversationNotice)
        had_summary = False
        previous: Completion | None = None
        for n in range(30):
            turn = chat.stream(f"question {n} about the same thing")
            answer = turn.result()
            assert turn.context is not None
            summary = turn.context.section("history").summary
            if had_summary and previous is not None and answer.prompt_ids[:200] == previous.prompt_ids[:200]:
                assert answer.usage.cached_tokens >= len(previous.prompt_ids) // PAGE_SIZE * PAGE_SIZE - PAGE_SIZE
                return
            had_summary, previous = summary is not None, answer
    pytest.fail("no summary was ever made")


def test_a_title_asked_for_aside_leaves_the_cache_of_the_trunk(tiny: LocalModel) -> None:
    chat = Chat(tiny, settings=GenerationSettings(temperature=0.0, max_tokens=16))
    first = chat.send("hello there, how are you today")
    chat.suggest_title()
    second = chat.send("fine")
    assert len(chat.messages) == 4
    assert second.usage.cached_tokens >= len(first.prompt_ids) // PAGE_SIZE * PAGE_SIZE - PAGE_SIZE


def test_a_title_is_a_side_call_over_the_beginning(tmp_path: Path) -> None:
    model = ScriptedModel(lambda prompt: "Dogs and tea" if "title" in prompt[-1].content else "ok")  # type: ignore[union-attr]
    with ConversationStore(tmp_path / "c.db") as store:
        chat = Chat(model, store=store)
        with pytest.raises(ValueError, match="Nothing was said yet"):
            chat.suggest_title()
        chat.send("my dog drinks tea")
        assert chat.suggest_title() == "Dogs and tea"
        assert store.get(str(chat.conversation_id)).title == "my dog drinks tea"  # renaming is the caller's to decide
    assert len(chat.messages) == 2
