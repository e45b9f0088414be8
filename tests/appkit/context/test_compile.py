"""What is dropped, in which order and how far; and what is refused."""

from collections.abc import Sequence
from typing import Any

import pytest

from appkit import ContextOverflowError, GenerationSettings, LocalModel, Message, ScriptedModel, ToolSpec
from appkit.context import CompiledContext, Item, Section, compile_context, item_tokens, turns
from appkit.llm.base import Capability
from tests.helpers.real_models import real_model

MODEL = ScriptedModel(["x"], repeats=True)
TOOL = ToolSpec(name="look_up", description="Finds a word.", parameters={"type": "object"})


def texts(*values: str) -> tuple[Item, ...]:
    return tuple(Item(id=value[:3], text=value) for value in values)


def history(num_turns: int, length: int = 31) -> tuple[Item, ...]:
    """Turns of `length` + 19 tokens each, as the scripted model counts them."""
    answer = "." * (length - 1)
    return turns(
        [
            message
            for _ in range(num_turns)
            for message in (Message(role="user", content="?"), Message(role="assistant", content=answer))
        ]
    )


def question(text: str = "Why?") -> Section:
    return Section(name="question", items=texts(text))


def compiled(*sections: Section, budget: int, answer_tokens: int = 10, **more: Any) -> CompiledContext:
    return compile_context([*sections, question()], MODEL, answer_tokens=answer_tokens, budget=budget, **more)


def kept(context: CompiledContext, name: str) -> list[str]:
    return [item.id for item in context.section(name).kept]


def test_what_fits_is_shown_whole() -> None:
    context = compiled(Section(name="history", items=history(3), overflow="drop_oldest"), budget=1000)
    assert kept(context, "history") == ["turn 1", "turn 2", "turn 3"]
    assert context.num_tokens == MODEL.count_tokens(context.messages)
    assert context.template_tokens == len("user: \nassistant: ")


def test_not_a_token_is_wasted_where_the_cut_is_not_to_be_kept() -> None:
    section = Section(name="history", items=history(4), overflow="drop_oldest", drop_to=1.0)
    exact = len("user: Why?\nassistant: ") + 2 * 50
    assert kept(compiled(section, budget=exact + 10), "history") == ["turn 3", "turn 4"]
    assert kept(compiled(section, budget=exact + 9), "history") == ["turn 4"]


def test_passages_are_dropped_from_the_last() -> None:
    section = Section(name="passages", items=texts("a" * 30, "b" * 30, "c" * 30), overflow="drop_last")
    assert kept(compiled(section, budget=110), "passages") == ["aaa", "bbb"]


def test_a_lower_priority_goes_first_down_to_its_minimum() -> None:
    passages = Section(
        name="passages", items=texts("a" * 30, "b" * 30, "c" * 30), overflow="drop_last", min_tokens=25, priority=1
    )
    older = Section(name="history", items=history(4), overflow="drop_oldest", drop_to=1.0, priority=2)
    context = compiled(passages, older, budget=320)
    assert (kept(context, "passages"), len(kept(context, "history"))) == (["aaa", "bbb"], 4)
    context = compiled(passages, older, budget=170)
    assert (kept(context, "passages"), kept(context, "history")) == (["aaa"], ["turn 3", "turn 4"])


def test_of_two_alike_the_one_named_last_goes_first() -> None:
    first = Section(name="memory", items=texts("a" * 30), overflow="drop_last")
    second = Section(name="examples", items=texts("b" * 30), overflow="drop_last")
    context = compiled(first, second, budget=90)
    assert (kept(context, "memory"), kept(context, "examples")) == (["aaa"], [])


def test_a_maximum_holds_however_much_room_there_is() -> None:
    passages = Section(name="passages", items=texts("a" * 30, "b" * 30), overflow="drop_last", max_tokens=59)
    older = Section(name="history", items=history(9), overflow="drop_oldest", max_tokens=100, drop_to=1.0)
    context = compiled(passages, older, budget=8000)
    assert (kept(context, "passages"), kept(context, "history")) == (["aaa"], ["turn 8", "turn 9"])


def test_a_section_that_refuses_is_not_cut_to_its_maximum() -> None:
    with pytest.raises(ContextOverflowError, match="'memory' is 30 tokens and may have 29") as raised:
        compiled(Section(name="memory", items=texts("a" * 30), max_tokens=29), budget=8000)
    assert "question" in str(raised.value)


def test_what_may_not_be_dropped_is_refused_with_the_sections() -> None:
    older = Section(name="history", items=history(4), overflow="drop_oldest", min_tokens=60)
    with pytest.raises(ContextOverflowError) as raised:
        compiled(older, budget=120)
    message = str(raised.value)
    assert "at least 122 tokens and there is room for 110: scripted is given 120, less 10 for the answer" in message
    assert "history: 100 tokens, 2 kept, min 60, 2 dropped: turn 1 (50), turn 2 (50)." in message
    assert "shorten history, lower a minimum, keep less" in message
    assert (raised.value.num_tokens, raised.value.limit) == (122, 110)


def test_a_question_longer_than_the_model_is_refused_not_cut() -> None:
    with pytest.raises(ContextOverflowError, match="shorten question, keep less"):
        compile_context([question("Why? " * 2000)], MODEL, answer_tokens=1)


@pytest.mark.parametrize(("answer_tokens", "budget"), [(0, 100), (-1, 100), (100, 100), (1, 0)])
def test_a_budget_without_room_for_prompt_and_answer_is_refused(answer_tokens: int, budget: int) -> None:
    with pytest.raises(ValueError, match="1 <= answer_tokens < budget"):
        compiled(budget=budget, answer_tokens=answer_tokens)


def test_two_sections_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="called question, question"):
        compiled(question(), budget=100)


def test_tools_are_counted_and_shown_in_the_map() -> None:
    with_tools, without = compiled(budget=1000, tools=[TOOL]), compiled(budget=1000)
    assert with_tools.num_tokens == MODEL.count_tokens(with_tools.messages, tools=[TOOL])
    assert with_tools.tool_tokens == with_tools.num_tokens - without.num_tokens > 0
    assert with_tools.template_tokens == without.template_tokens


def test_a_layout_of_ones_own_is_counted_as_it_is() -> None:
    context = compiled(budget=1000, layout=lambda kept: [Message(role="user", content=kept["question"][0].text * 9)])
    assert context.messages[0].content == "Why?" * 9
    assert context.num_tokens == len("user: assistant: \n") + 36


def test_a_front_that_is_cut_stays_for_the_turns_that_follow() -> None:
    prompts, keep_from, cuts = [], None, 0
    for num_turns in range(1, 41):
        section = Section(name="history", items=history(num_turns), overflow="drop_oldest", keep_from=keep_from)
        context = compiled(section, budget=632)  # twelve turns fit
        cuts += context.first_kept("history") != (keep_from or "turn 1")
        keep_from = context.first_kept("history")
        prompts.append(len(kept(context, "history")))
    assert max(prompts) == 12
    assert min(prompts[12:]) == 9  # three quarters of it
    assert cuts == 7  # not 28, as it would be at each turn


def test_the_newest_turn_is_not_dropped_only_to_make_room_for_later() -> None:
    section = Section(name="history", items=history(3), overflow="drop_oldest", drop_to=0.0)
    assert kept(compiled(section, budget=100), "history") == ["turn 3"]


def test_a_cut_of_another_history_is_no_cut() -> None:
    section = Section(name="history", items=history(3), overflow="drop_oldest", keep_from="turn 9")
    assert len(kept(compiled(section, budget=1000), "history")) == 3


def test_a_cut_of_last_time_gives_way_to_the_minimum() -> None:
    section = Section(name="history", items=history(3), overflow="drop_oldest", keep_from="turn 3", min_tokens=90)
    assert kept(compiled(section, budget=1000), "history") == ["turn 2", "turn 3"]


class Summariser:
    """Summarises by naming what it was given."""

    def __init__(self, length: int = 0) -> None:
        self.length = length
        self.asked: list[list[str]] = []

    def __call__(self, items: Sequence[Item], limit: int) -> Item:
        self.asked.append([item.id for item in items])
        text = f"Said in {len(items)}."
        return Item(id="summary", text=text + "." * (self.length - len(text)))


def summarised(num_turns: int, summariser: Summariser, **more: Any) -> Section:
    return Section(
        name="history",
        items=history(num_turns),
        overflow="summarise",
        summarise=summariser,
        **{"max_tokens": 200, "drop_to": 1.0, **more},
    )


def test_what_is_above_the_maximum_is_summarised_once() -> None:
    summariser = Summariser()
    context = compiled(summarised(6, summariser), budget=1000)
    assert summariser.asked == [["turn 1", "turn 2", "turn 3"]]  # 150 are left for turns, 50 for the summary
    assert kept(context, "history") == ["turn 4", "turn 5", "turn 6"]
    assert context.messages[0] == Message(role="system", content="Said in 3.")
    assert context.section("history").summary_tokens == 10
    assert "3 summarised" in context.explain()


def test_a_summary_of_last_time_stands_while_nothing_more_is_dropped() -> None:
    summariser = Summariser()
    summary = Item(id="summary", text="Said in 3.")
    section = summarised(6, summariser, keep_from="turn 4", summary=summary)
    assert compiled(section, budget=1000).messages[0].content == "Said in 3."
    assert summariser.asked == []


def test_a_further_summary_goes_on_from_the_last() -> None:
    summariser = Summariser()
    summary = Item(id="summary", text="Said in 3.")
    compiled(summarised(7, summariser, keep_from="turn 4", summary=summary), budget=1000)
    assert summariser.asked == [["summary", "turn 4"]]


def test_a_summary_of_another_history_is_not_used() -> None:
    section = summarised(2, Summariser(), keep_from="turn 4", summary=Item(id="summary", text="Said in 3."))
    assert "Said" not in str(compiled(section, budget=1000).messages)


def test_want_of_room_is_summarised_too() -> None:
    summariser = Summariser()
    context = compiled(summarised(4, summariser, max_tokens=2000, drop_to=1.0), budget=632)
    assert summariser.asked == []
    context = compiled(summarised(4, summariser, max_tokens=240), budget=200)
    assert len(summariser.asked) == 1
    assert context.num_tokens + 10 <= 200


def test_a_summary_longer_than_allowed_is_refused() -> None:
    with pytest.raises(ValueError, match="is 51 tokens and may have 50"):
        compiled(summarised(6, Summariser(51)), budget=1000)


@pytest.mark.parametrize("budget", [300, 340])
def test_a_summary_that_costs_more_in_place_than_apart_is_made_room_for(budget: int) -> None:
    """This layout writes the summary three times: 331 tokens with three turns, where 290 or 330 have room."""
    summariser = Summariser(50)

    def layout(kept: Any) -> list[Message]:
        shown = [message for item in kept["history"] for message in item.messages]
        said = "".join(item.text * 3 for item in kept["history"])
        return [Message(role="system", content=said), *shown, Message(role="user", content=kept["question"][0].text)]

    context = compiled(summarised(6, summariser), budget=budget, layout=layout)
    assert context.num_tokens == MODEL.count_tokens(context.messages) <= budget - 10
    assert [len(asked) for asked in summariser.asked] == [3, 4]


class EstimatingModel(ScriptedModel):
    """Counts a tenth too few, and says that it only estimates."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return super().capabilities - {"token_count"}

    def count_tokens(self, prompt: Any, *, tools: Sequence[ToolSpec] = ()) -> int:
        return super().count_tokens(prompt, tools=tools) * 10 // 11


def test_an_estimated_prompt_keeps_a_margin_and_says_so() -> None:
    model = EstimatingModel(["x"])
    section = Section(name="history", items=history(40), overflow="drop_oldest", drop_to=1.0)
    context = compile_context([section, question()], model, answer_tokens=10, budget=1000)
    assert not context.is_exact
    assert context.num_tokens + context.margin_tokens + 10 <= 1000
    assert len(ScriptedModel(["x"]).chat(context.messages).prompt_ids) + 10 <= 1000
    assert "estimated" in context.explain()
    assert context.to_json()["is_exact"] is False


def test_costs_that_are_far_off_end_in_the_right_place_all_the_same() -> None:
    """This layout shows a third of every text, so that the first guess drops three times too many."""
    items = tuple(Item(id=f"{idx}", text="word" * 30) for idx in range(400))

    def layout(kept: Any) -> list[Message]:
        return [Message(role="user", content="".join(item.text[:40] for item in kept["passages"]))]

    section = Section(name="passages", items=items, overflow="drop_last")
    context = compile_context([section], MODEL, answer_tokens=10, layout=layout)
    assert len(kept(context, "passages")) == (8192 - 10 - len("user: \nassistant: ")) // 40


def test_counts_are_few_however_far_off_the_costs_are() -> None:
    class Erratic(ScriptedModel):
        """Single texts count nothing; prompts count what they should."""

        num_prompts = 0

        def count_tokens(self, prompt: Any, *, tools: Sequence[ToolSpec] = ()) -> int:
            self.num_prompts += not isinstance(prompt, str)
            return 1 if isinstance(prompt, str) else super().count_tokens(prompt, tools=tools)

    model = Erratic(["x"])
    items = tuple(Item(id=f"{idx}", text="word") for idx in range(5000))
    context = compile_context(
        [Section(name="passages", items=items, overflow="drop_last"), question()], model, answer_tokens=10
    )
    assert context.num_tokens > 8100
    assert model.num_prompts <= 24


def test_the_stated_length_is_that_of_a_real_request() -> None:
    sections = [
        Section(name="system", items=texts("Answer in one word. 用一个词回答。")),
        Section(name="history", items=history(300, 200), overflow="drop_oldest"),
        question("Is 7 a prime? 😀"),
    ]
    with LocalModel(real_model("smollm2-135m")) as model:
        context = compile_context(sections, model, answer_tokens=4, budget=256)
        completion = model.chat(context.messages, GenerationSettings(max_tokens=4, temperature=0))
    assert len(completion.prompt_ids) == context.num_tokens <= 252
    assert context.section("history").dropped


def test_of_a_thousand_turns_that_were_counted_none_is_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    count = LocalModel.count_tokens
    monkeypatch.setattr(
        LocalModel, "count_tokens", lambda *args, **kwargs: (asked.append(args), count(*args, **kwargs))[1]
    )
    items = turns(
        [
            Message(role=("user", "assistant")[idx % 2], content=f"{idx}: " + "the pump was repaired. " * 8)
            for idx in range(2000)
        ]
    )
    sections = [Section(name="history", items=items, overflow="drop_oldest"), question()]
    with LocalModel(real_model("smollm2-135m")) as model:
        compile_context(sections, model, answer_tokens=256)
        num_texts = len(asked)
        context = compile_context(sections, model, answer_tokens=256)
    assert item_tokens(model, items[0]) > 0  # remembered: the model is closed
    assert context.num_tokens <= 8192 - 256
    assert num_texts > 1000
    assert len(asked) - num_texts < 20  # whole prompts, to be sure of the one that is sent
