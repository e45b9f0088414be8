"""What the model is shown of a task at each step: all of it where that fits, else without its oldest steps.

A step is an item: the model's message with every result, so no result is ever shown without its call.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from appkit.agents.dialect import Ask, Dialect
from appkit.agents.observation import MIN_TOKENS
from appkit.agents.state import CORRECTION
from appkit.context import CompiledContext, Item, Section, compile_context
from appkit.errors import ContextOverflowError
from appkit.llm.base import LanguageModel
from appkit.messages import Message

STEP_SHARE = 0.25  # of the model's context, at most, for what one step writes, and for what its tools return
DROP_TO = 0.75  # a history that must be cut is cut to this share of what fits, and then stays so for some steps
NOTES = {
    "en": {
        "earlier": "[Left out for want of room: {count} earlier tasks.]",
        "steps": "[Left out for want of room: the oldest {count} steps of this task.]",
    },
    "zh": {
        "earlier": "[因篇幅所限，省略了更早的 {count} 个任务。]",
        "steps": "[因篇幅所限，省略了本任务最早的 {count} 步。]",
    },
}


class Prompting:
    """The prompts of one run. Remembers where the history was cut, so that it stays cut there for some steps.

    Args:
        step_tokens: that a step may write.

    `observation_tokens` are what all results of one step may take together.
    """

    def __init__(self, model: LanguageModel, dialect: Dialect, *, language: str, step_tokens: int) -> None:
        self._model = model
        self._dialect = dialect
        self._language = language
        self._step_tokens = step_tokens
        self._keep_from: dict[str, str] = {}
        self.observation_tokens = MIN_TOKENS

    def start(self, messages: Sequence[Message], task_start: int) -> None:
        """Make sure that the task fits with its tools, and see how much of a tool's result can be shown.

        Raises:
            ContextOverflowError: the task leaves no room to work on it.
        """
        ask = self._dialect.ask(can_call=True)
        bare = self._compiled(messages[task_start : task_start + 1], 0, ask, self._step_tokens)
        room = bare.unused_tokens
        if self._dialect.has_tools and room < 2 * MIN_TOKENS:
            raise ContextOverflowError(
                f"Instructions, tools and task take {bare.num_tokens:,} of the {self._model.max_seq_len:,} tokens "
                f"that {self._model.name} holds, and a step may write {self._step_tokens:,}: what is left for the "
                f"results of tools is {room:,}. Give fewer tools, shorten the task, lower settings.max_tokens, or use "
                "a model with a longer context.",
                bare.num_tokens,
                self._model.max_seq_len,
            )
        most = int(STEP_SHARE * self._model.max_seq_len)
        self.observation_tokens = max(MIN_TOKENS, min(most, (room - self._step_tokens) // 2))

    def compile(
        self, messages: Sequence[Message], task_start: int, ask: Ask, *, answer_tokens: int
    ) -> tuple[Message, ...]:
        """The messages to send; together with `answer_tokens` they fit the model."""
        compiled = self._compiled(messages, task_start, ask, answer_tokens)
        for section in compiled.sections:
            if section.dropped and section.kept:
                self._keep_from[section.name] = section.kept[0].id
        return compiled.messages

    def _compiled(self, messages: Sequence[Message], task_start: int, ask: Ask, answer_tokens: int) -> CompiledContext:
        earlier = _split(messages[:task_start], lambda message: message.role == "user" and message.name != CORRECTION)
        steps = _split(messages[task_start + 1 :], lambda message: message.role == "assistant")
        task = Item(id="task", messages=self._dialect.show([messages[task_start]]))
        return compile_context(
            [
                Section(name="system", items=(Item(id="head", messages=self._dialect.head()),)),
                self._section("earlier", earlier, priority=0),
                Section(name="question", items=(task,)),
                self._section("steps", steps, priority=1),
            ],
            self._model,
            answer_tokens=answer_tokens,
            tools=ask.tools,
            layout=lambda kept: self._lay_out(kept, num_earlier=len(earlier), num_steps=len(steps)),
        )

    def _section(self, name: str, groups: Sequence[Sequence[Message]], *, priority: int) -> Section:
        items = tuple(
            Item(id=f"{name} {number}", messages=self._dialect.show(group)) for number, group in enumerate(groups, 1)
        )
        return Section(
            name=name,
            items=items,
            overflow="drop_oldest",
            priority=priority,
            drop_to=DROP_TO,
            keep_from=self._keep_from.get(name),
        )

    def _lay_out(self, kept: Mapping[str, tuple[Item, ...]], *, num_earlier: int, num_steps: int) -> list[Message]:
        """In the order of what happened; what was dropped is said in the message that holds the task."""
        before = [message for name in ("system", "earlier") for item in kept[name] for message in item.messages]
        question = [message for item in kept["question"] for message in item.messages]
        after = [message for item in kept["steps"] for message in item.messages]
        dropped = {"earlier": num_earlier - len(kept["earlier"]), "steps": num_steps - len(kept["steps"])}
        notes = [NOTES[self._language][name].format(count=count) for name, count in dropped.items() if count]
        if notes:
            question[-1] = replace(question[-1], content="\n\n".join([question[-1].content, *notes]))
        return [*before, *question, *after]


def _split(messages: Sequence[Message], begins: Callable[[Message], bool]) -> list[Sequence[Message]]:
    """`messages` in groups that each begin with such a message."""
    starts = [idx for idx, message in enumerate(messages) if idx == 0 or begins(message)]
    return [messages[start:stop] for start, stop in pairwise([*starts, len(messages)])]
