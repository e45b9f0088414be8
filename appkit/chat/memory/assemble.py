"""`assemble`: from a conversation and its policies to the prompt of a turn that fits."""

from collections.abc import Sequence
from dataclasses import replace

from appkit.chat.memory.base import Memory
from appkit.chat.memory.showing import Showing
from appkit.chat.notes import Notes
from appkit.context import CompiledContext, Item, Section, compile_context, turns
from appkit.llm.base import LanguageModel
from appkit.llm.language import is_chinese
from appkit.messages import Message

NOTE = "cut"  # kind of the note that says which turns were left out last, and of which budget


def assemble(
    policies: Sequence[Memory],
    model: LanguageModel,
    *,
    system: str | None,
    history: Sequence[Message],
    question: Message,
    notes: Notes,
    answer_tokens: int | None,
) -> CompiledContext:
    """What to show `model`.

    Args:
        system: None leaves it to the model's own tested one, which memory then follows and does not replace.
        answer_tokens: to be kept free for the answer; None where nobody said.

    Raises:
        ContextOverflowError: the question alone, with the system message and what policies never leave out, is too
            long.
    """
    showing = Showing(
        model=model,
        language="zh" if is_chinese(question.content) else "en",
        budget=model.max_seq_len,
        wanted_answer_tokens=answer_tokens,
        system=system,
        history=Section(name="history", items=turns(history), overflow="drop_oldest"),
        question=question,
        notes=notes,
    )
    by_stage = sorted(policies, key=lambda policy: policy.stage)
    for policy in by_stage:
        showing = policy.arrange(showing)
    if showing.history.overflow == "drop_oldest":
        showing = _cut_as_before(showing)
    compiled = _compile(showing)
    reserved = min(sum(policy.reserved_tokens for policy in policies), showing.budget // 4)
    if reserved and compiled.section("history").dropped:
        compiled = _recall(by_stage, showing, compiled, reserved)
    if showing.history.overflow == "drop_oldest":
        _note_cut(showing, compiled)
    return compiled


def _compile(showing: Showing, reserved: int = 0) -> CompiledContext:
    budget = showing.budget - reserved
    answer_tokens = min(showing.answer_tokens, max(1, budget - 1))
    return compile_context(
        showing.sections(), showing.model, answer_tokens=answer_tokens, budget=budget, layout=showing.layout
    )


def _recall(policies: Sequence[Memory], showing: Showing, compiled: CompiledContext, reserved: int) -> CompiledContext:
    """Once more, with room for what is recalled: first the turns that leave it, then what of the others is near."""
    showing = _cut_as(showing, _compile(_cut_as(showing, compiled), reserved))
    compiled = _compile(showing)
    gone = {use.id for use in compiled.section("history").dropped}
    dropped = [item for item in showing.history.items if item.id in gone]
    recalled: tuple[Item, ...] = tuple(item for policy in policies for item in policy.recall(showing, dropped))
    return _compile(replace(showing, recalled=recalled)) if recalled else compiled


def _cut_as(showing: Showing, compiled: CompiledContext) -> Showing:
    """With the turns left out that were left out there, and the summary that was made of them."""
    history = compiled.section("history")
    if not history.kept:
        return showing  # the question needs all the room; there is nothing to hold on to
    return replace(showing, history=replace(showing.history, keep_from=history.kept[0].id, summary=history.summary))


def _cut_as_before(showing: Showing) -> Showing:
    """Without the turns that were left out last time, so that what is shown begins as it did then."""
    note = showing.notes.newest(NOTE, showing.messages_before(len(showing.history.items)))
    if note is None or note[1] != str(showing.budget):  # with another budget more may fit
        return showing
    return showing.shown_from(showing.turn_at(note[0]))


def _note_cut(showing: Showing, compiled: CompiledContext) -> None:
    num_dropped = len(compiled.section("history").dropped)
    num_messages = showing.messages_before(num_dropped)
    if num_dropped and showing.notes.newest(NOTE, num_messages) != (num_messages, str(showing.budget)):
        showing.notes.put(NOTE, str(showing.budget), num_messages)
