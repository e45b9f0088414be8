"""A conversation stays consistent whatever happens to a turn."""

from collections.abc import Iterator
from typing import Any

import pytest

from appkit import Chat, ContextOverflowError, ConversationNotice, Message, ModelNotice, ScriptedModel
from appkit.errors import AppkitError


def said(chat: Chat) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in chat.messages]


def test_a_turn_is_remembered_and_shown_to_the_model() -> None:
    model = ScriptedModel(["one", "two"])
    chat = Chat(model)
    chat.send("first")
    chat.send("second")
    assert said(chat) == [("user", "first"), ("assistant", "one"), ("user", "second"), ("assistant", "two")]
    assert [message.content for message in model.requests[1].prompt] == ["first", "one", "second"]  # type: ignore[union-attr]


def test_stream_gives_pieces_and_remembers_at_the_end() -> None:
    chat = Chat("scripted:hello")
    assert list(chat.stream("hi")) == list("hello")
    assert said(chat)[-1] == ("assistant", "hello")


def test_system_message_is_sent_only_when_given() -> None:
    model = ScriptedModel(["a"], repeats=True)
    Chat(model).send("x")
    Chat(model, system="").send("x")
    Chat(model, system="Be kind.").send("x")
    roles = [[(m.role, m.content) for m in request.prompt][:-1] for request in model.requests]  # type: ignore[union-attr]
    assert roles == [[], [("system", "")], [("system", "Be kind.")]]


def test_a_changed_system_message_holds_from_the_next_turn() -> None:
    model = ScriptedModel(["a"], repeats=True)
    chat = Chat(model, system="Be kind.")
    chat.send("x")
    chat.system = "Be brief."
    chat.send("y")
    assert [request.prompt[0].content for request in model.requests] == ["Be kind.", "Be brief."]  # type: ignore[union-attr]
    assert len(chat.messages) == 4


def test_a_cancelled_answer_is_kept_as_far_as_it_was_said() -> None:
    chat = Chat("scripted:hello")
    turn = chat.stream("hi")
    pieces = [next(turn), next(turn)]
    turn.cancel()
    assert said(chat) == [("user", "hi"), ("assistant", "".join(pieces))]
    assert turn.result().finish_reason == "cancelled"


def test_a_turn_cancelled_before_a_word_leaves_no_trace() -> None:
    chat = Chat("scripted:hello")
    chat.stream("hi").cancel()
    assert said(chat) == []
    assert chat.stats().turns == 0


def test_a_new_turn_ends_the_one_still_open() -> None:
    chat = Chat("scripted:hello|world")
    next(chat.stream("one"))
    chat.send("two")
    assert said(chat) == [("user", "one"), ("assistant", "h"), ("user", "two"), ("assistant", "world")]


class FailingStream:
    """Says two letters, then raises."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __iter__(self) -> Iterator[str]:
        yield "a"
        raise self._error

    def cancel(self) -> None:
        pass

    def result(self) -> Any:
        raise self._error


class FailingModel(ScriptedModel):
    def __init__(self, error: BaseException) -> None:
        super().__init__(["fine"], repeats=True)
        self._error = error

    def stream(self, *args: Any, **kwargs: Any) -> Any:
        return FailingStream(self._error)


def test_a_failed_turn_leaves_the_conversation_as_it_was() -> None:
    chat = Chat(FailingModel(AppkitError("the lights went out")))
    turn = chat.stream("hi")
    with pytest.raises(AppkitError, match="lights"):
        list(turn)
    assert said(chat) == []
    with pytest.raises(AppkitError, match="The turn failed: the lights went out"):
        turn.result()
    assert list(turn) == []


def test_an_interrupt_keeps_what_was_said_and_goes_on_upwards(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = Chat("scripted:hello")
    turn = chat.stream("hi")
    next(turn)

    def interrupted() -> Iterator[str]:
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(turn, "_pieces", interrupted())
    with pytest.raises(KeyboardInterrupt):
        next(turn)
    assert said(chat) == [("user", "hi"), ("assistant", "h")]


def test_by_default_the_oldest_turns_make_room_and_that_is_said() -> None:
    chat = Chat(ScriptedModel(["ok"], repeats=True, max_seq_len=100))
    chat.send("first")
    with pytest.warns(ConversationNotice, match="oldest turn"):
        for _ in range(5):
            chat.send("again")
    turn = chat.stream("and now?")
    assert turn.context is not None
    assert turn.context.section("history").dropped
    assert turn.result().text == "ok"
    assert chat.messages[0].content == "first"


def test_without_memory_a_conversation_that_does_not_fit_names_both_numbers_and_stays_usable() -> None:
    chat = Chat(ScriptedModel(["ok"], repeats=True, max_seq_len=60), memory=())
    chat.send("hi")
    with pytest.raises(ContextOverflowError, match=r"141 tokens and scripted holds 60.*reset\(\)") as caught:
        chat.send("x" * 100)
    assert (caught.value.num_tokens, caught.value.limit) == (141, 60)
    assert len(chat.messages) == 2
    assert chat.send("ok?").text == "ok"


def test_stats_add_up_and_reset_forgets() -> None:
    chat = Chat("scripted:hello", system="Be kind.")
    chat.send("hi")
    chat.send("hi")
    stats = chat.stats()
    assert (stats.turns, stats.completion_tokens) == (2, 10)
    assert 0 < stats.cached_tokens < stats.prompt_tokens
    chat.reset()
    assert (said(chat), chat.stats().turns, chat.system) == ([], 0, "Be kind.")


def test_settings_hold_for_the_chat_and_changes_for_one_turn() -> None:
    model = ScriptedModel(["hello"], repeats=True)
    chat = Chat(model)
    assert chat.send("x", max_tokens=2).text == "he"
    assert chat.send("x").text == "hello"
    with pytest.raises(TypeError, match="temprature"):
        chat.send("x", temprature=1)


def test_a_stop_that_is_no_tuple_is_a_mistake() -> None:
    with pytest.raises(TypeError, match="tuple of texts"):
        Chat("scripted:hello").send("x", stop="lo")
    assert Chat("scripted:hello").send("x", stop=("lo",)).text == "hel"


def test_a_chat_closes_the_model_it_opened_and_no_other() -> None:
    own = Chat("scripted:a")
    with own:
        own.send("x")
    with pytest.raises(AppkitError, match="closed"):
        own.send("x")
    model = ScriptedModel(["a"], repeats=True)
    with Chat(model):
        pass
    assert model.generate("x").text == "a"


def test_messages_keep_the_ids_they_were_generated_with() -> None:
    chat = Chat("scripted:hi")
    chat.send("x")
    assert chat.messages[1].token_ids == (104, 105)
    assert chat.messages[1] == Message(role="assistant", content="hi")


def test_notices_are_warnings() -> None:
    assert issubclass(ModelNotice, UserWarning)
