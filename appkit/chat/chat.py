"""`Chat`: one conversation with one model.

A turn is kept whole or not at all. Its question and answer enter the conversation when the answer has ended; an answer
that was cancelled is kept as far as it was said, because that is what the person read; a turn that failed, or was
cancelled before a word was said, leaves the conversation as it was. With a store, a turn is on disk before `result`
returns.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from appkit.chat.line import Line
from appkit.chat.store import ConversationNotice, ConversationStore
from appkit.chat.stream import ChatStream
from appkit.errors import ContextOverflowError
from appkit.llm.base import DEFAULT_SETTINGS, Completion, CompletionStream, GenerationSettings, LanguageModel
from appkit.llm.open import DEFAULT_MODEL, open_model
from appkit.messages import Constraint, Message

if TYPE_CHECKING:
    from appkit.chat.memory import Memory
    from appkit.context import CompiledContext


@dataclass(frozen=True, kw_only=True)
class ChatStats:
    """What a conversation has cost so far, and the speeds of its last turn (0 before the first)."""

    turns: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt tokens, those that cost nothing
    completion_tokens: int = 0
    ttft_s: float = 0.0
    prefill_tok_s: float = 0.0
    decode_tok_s: float = 0.0


class Chat:
    """A conversation. Owns its messages, and its model where it opened it itself.

    Args:
        model: a catalog name, a file, "scripted:…", or a model that is open already and stays its owner's. None is the
            model of the stored conversation, else the default one.
        system: the system message. None leaves it to the stored conversation, else to the model's own tested one;
            "" sends an empty one.
        settings: how to sample; None leaves it to the model.
        store: keeps every turn; it stays its owner's. None keeps the conversation in memory alone.
        conversation: id of a stored conversation to go on with, or its beginning; None begins a new one.
        memory: what is shown of a conversation that grows long; see `appkit.chat.memory`. None is `TokenBudget()`: the
            oldest turns make room, which is said once and shown in `ChatStream.context`. () shows all of it, and raises
            ContextOverflowError where that does not fit any more.
        messages: what a new conversation begins with, examples of how to answer, say; they are stored with its first
            turn.
        adapter: a folder with a LoRA adapter of the model, where it is opened here. For an open model see
            `LocalModel.with_adapter`. A stored conversation does not remember it.

    Not for two threads at once: a conversation is one turn after another.

    Raises:
        ConversationNotFoundError: `conversation` names none, or several.
        ValueError: a conversation without a store, or with messages to begin with; an adapter for an open model.
    """

    def __init__(
        self,
        model: str | Path | LanguageModel | None = None,
        system: str | None = None,
        settings: GenerationSettings | None = None,
        *,
        store: ConversationStore | None = None,
        conversation: str | None = None,
        memory: "Memory | Sequence[Memory] | None" = None,
        messages: Sequence[Message] = (),
        adapter: str | PathLike[str] | None = None,
    ) -> None:
        if adapter is not None and model is not None and not isinstance(model, str | Path):
            raise ValueError(f"{model.name} is open already: give its adapter where it is opened, or use with_adapter.")
        if conversation is not None and messages:
            raise ValueError(f"Conversation {conversation!r} has begun already: messages are for a new one.")
        stored = _load(store, conversation)
        if model is None:
            model = (stored.model if stored else "") or DEFAULT_MODEL
        self._owns_model = isinstance(model, str | Path)
        self._model = open_model(model, adapter=adapter) if isinstance(model, str | Path) else model
        self._settings = settings or DEFAULT_SETTINGS
        name = str(model) if isinstance(model, str | Path) else model.name
        self._line = stored or Line(store, model=name, messages=messages)
        self._stats = ChatStats()
        self._open_turn: ChatStream | None = None
        self._said_cut = False
        self.memory = _default_memory() if memory is None else memory
        self.system = stored.system if stored and system is None else system

    @property
    def model(self) -> LanguageModel:
        """The model that answers."""
        return self._model

    @property
    def messages(self) -> tuple[Message, ...]:
        """What was said so far, the system message aside."""
        return self._line.messages

    @property
    def conversation_id(self) -> str | None:
        """Under which the store keeps the conversation, from its first turn on; None without a store."""
        return self._line.conversation_id

    def send(self, text: str, **changes: Any) -> Completion:
        """Say `text` and wait for the answer.

        Args:
            changes: fields of `GenerationSettings` for this turn alone: `send("…", max_tokens=64)`.

        Raises:
            ContextOverflowError: `text` alone does not fit the model, or, with memory=(), the whole conversation does
                not; the conversation is left as it was.
            ConversationError: the turn could not be stored, and is not part of the conversation.
        """
        return self.stream(text, **changes).result()

    def ask(self, text: str, output: Any, *, tries: int = 3, **changes: Any) -> Any:
        """Say `text` and get the answer as a value of the type `output`; see `appkit.structured.output_type`.

        The form of the answer is said with it. A model whose answer will not do is told why and tries again: the
        conversation ends up with one turn, the others stay in the store as branches.

        Args:
            tries: how often the model is asked at most.
            changes: as those of `send`.

        Raises:
            OutputParseError: the tries are spent.
            TypeError, ValueError: as `appkit.structured.generate_typed`.
            What `send` raises. Whatever is raised, the conversation is as it was.
        """
        from appkit.structured.asking import again, with_form
        from appkit.structured.generate import checked_output, held_to, read_answer, settings_of_try, spent

        wanted = checked_output(output, tries)
        self.end_turn()
        start, settings = len(self.messages), replace(self._settings, **changes)
        constraint = held_to(self._model, wanted)
        (question,) = with_form([Message(role="user", content=text)], wanted, is_held=constraint is not None)
        shown = question
        try:
            for attempt in range(tries):
                turn = self._ask(
                    shown, len(self.messages), settings_of_try(settings, attempt), constraint, keep_as=(question, start)
                )
                answer = turn.result()
                try:
                    return read_answer(answer, wanted, [question], is_held=constraint is not None)
                except ValueError as error:
                    fault = str(error)
                shown = Message(role="user", content=again([question], fault))
            raise spent(self._model, wanted, tries, fault, answer.text)
        except BaseException:
            if len(self.messages) > start:
                self._line.truncate(start)
            raise

    def stream(self, text: str, **changes: Any) -> ChatStream:
        """Say `text` and get the answer piece by piece: `for piece in chat.stream("…"): print(piece, end="")`.

        A turn that is still open ends here, as if cancelled. Arguments and errors are those of `send`.
        """
        self.end_turn()
        return self._ask(Message(role="user", content=text), len(self.messages), replace(self._settings, **changes))

    def edit(self, text: str, **changes: Any) -> ChatStream:
        """Ask the last question anew, as `text`. The turn it replaces stays in the store, as a branch.

        Until the answer has ended, and where it fails, the conversation is as it was. Arguments and errors are those of
        `send`.

        Raises:
            ValueError: nothing was asked yet.
        """
        self.end_turn()
        return self._ask(Message(role="user", content=text), self._start_of_turn(1), replace(self._settings, **changes))

    def undo(self, turns: int = 1) -> tuple[Message, ...]:
        """Take back the last turns, and return what they were. They stay in the store, as a branch.

        Raises:
            ValueError: there are fewer turns, or `turns` is below 1.
        """
        self.end_turn()
        start = self._start_of_turn(turns)
        undone = self.messages[start:]
        self._line.truncate(start)
        return undone

    def fork(self, at: int | None = None) -> "Chat":
        """A second chat that goes on from the first `at` messages, or all of them, with the same model and store.

        The model stays this chat's, so close the fork first.

        Raises:
            ValueError: there are fewer messages.
        """
        self.end_turn()
        forked = Chat(self._model, self.system, self._settings, memory=self.memory)
        forked._said_cut = self._said_cut
        forked._line = self._line.fork(len(self.messages) if at is None else at)
        return forked

    def suggest_title(self) -> str:
        """A title of a few words, asked of the model on a branch: the conversation, and its KV cache, stay as they are.

        Raises:
            ValueError: nothing was said yet.
        """
        self.end_turn()
        if not self.messages:
            raise ValueError("Nothing was said yet, so there is nothing to give a title to.")
        from appkit.chat.title import suggest_title

        return suggest_title(self._model, self.messages)

    def end_turn(self) -> None:
        """Cancel the answer that is being given, if one is; what was said of it is kept."""
        if self._open_turn is not None:
            self._open_turn.cancel()

    def reset(self) -> None:
        """Begin a new conversation; the system message, the model and the settings stay. A store keeps the old one."""
        self.end_turn()
        self._line = self._line.new()
        self._stats = ChatStats()
        self._said_cut = False

    def stats(self) -> ChatStats:
        """Tokens and speeds so far."""
        return self._stats

    def close(self) -> None:
        """End the open turn and close the model if this chat opened it. Twice is harmless."""
        self.end_turn()
        if self._owns_model:
            self._model.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _ask(
        self,
        question: Message,
        num_kept: int,
        settings: GenerationSettings,
        constraint: Constraint | None = None,
        *,
        keep_as: tuple[Message, int] | None = None,
    ) -> ChatStream:
        """Ask after the first `num_kept` messages; the others are given up when the answer has ended.

        The answer is kept after `question` and these, or after the question and as many messages as `keep_as` says.
        """
        history = self.messages[:num_kept]
        context = self._compile(history, question, settings)
        if context is None:
            inner = self._stream_all(history, question, settings, constraint)
        else:
            inner = self._model.stream(context.messages, settings, constraint=constraint)
        kept, num_before = keep_as or (question, num_kept)
        turn = ChatStream(inner, lambda answer: self._keep(kept, num_before, answer), context)
        self._open_turn = turn
        return turn

    def _compile(
        self, history: Sequence[Message], question: Message, settings: GenerationSettings
    ) -> "CompiledContext | None":
        """What is shown where a memory decides it."""
        from appkit.chat.memory.assemble import assemble
        from appkit.chat.memory.base import Memory

        policies = (self.memory,) if isinstance(self.memory, Memory) else tuple(self.memory)
        if not policies:
            return None
        compiled = assemble(
            policies,
            self._model,
            system=self.system,
            history=history,
            question=question,
            notes=self._line.notes,
            answer_tokens=settings.max_tokens,
        )
        if (dropped := compiled.section("history").dropped) and not self._said_cut:
            self._said_cut = True
            what = "oldest turn is" if len(dropped) == 1 else f"{len(dropped)} oldest turns are"
            warnings.warn(
                f"The conversation has grown longer than what {self._model.name} is shown of it: its {what} left out "
                "now, and more will follow. The conversation itself loses nothing.",
                ConversationNotice,
                stacklevel=4,
            )
        return compiled

    def _stream_all(
        self,
        history: Sequence[Message],
        question: Message,
        settings: GenerationSettings,
        constraint: Constraint | None,
    ) -> CompletionStream:
        system = [] if self.system is None else [Message(role="system", content=self.system)]
        try:
            return self._model.stream([*system, *history, question], settings, constraint=constraint)
        except ContextOverflowError as error:
            if not history:
                raise
            raise ContextOverflowError(
                f"The conversation with this message is {error.num_tokens:,} tokens and {self._model.name} holds "
                f"{error.limit:,}, answer included: begin anew with reset() (/reset in `appkit chat`), give the chat a "
                "memory that leaves out old turns, or use a model with a longer context.",
                error.num_tokens,
                error.limit,
            ) from error

    def _start_of_turn(self, num_turns: int) -> int:
        """Where the last turns begin, as a number of messages."""
        from appkit.context import turns

        items = turns(self.messages)
        if not 1 <= num_turns <= len(items):
            raise ValueError(f"The conversation has {len(items)} turns; {num_turns} cannot be taken back.")
        return len(self.messages) - sum(len(item.messages) for item in items[-num_turns:])

    def _keep(self, question: Message, num_kept: int, answer: Completion | None) -> None:
        """The turn is over: remember it if something was said."""
        self._open_turn = None
        if answer is None:
            return
        usage, timings = answer.usage, answer.timings
        said_nothing = answer.finish_reason == "cancelled" and not answer.text.strip()
        if not said_nothing:
            said = Message(
                role="assistant", content=answer.text, tool_calls=answer.tool_calls, token_ids=answer.token_ids
            )
            self._line.append([question, said], keep=num_kept, system=self.system)
        self._stats = ChatStats(
            turns=self._stats.turns + (not said_nothing),
            prompt_tokens=self._stats.prompt_tokens + usage.prompt_tokens,
            cached_tokens=self._stats.cached_tokens + usage.cached_tokens,
            completion_tokens=self._stats.completion_tokens + usage.completion_tokens,
            ttft_s=timings.get("ttft_s", 0.0),
            prefill_tok_s=timings.get("prefill_tok_s", 0.0),
            decode_tok_s=timings.get("decode_tok_s", 0.0),
        )


def _default_memory() -> "Memory":
    from appkit.chat.memory import TokenBudget

    return TokenBudget()


def _load(store: ConversationStore | None, conversation: str | None) -> Line | None:
    if conversation is None:
        return None
    if store is None:
        raise ValueError(f"Conversation {conversation!r} is asked for, and no store: give the store it is in.")
    return Line.load(store, conversation)
