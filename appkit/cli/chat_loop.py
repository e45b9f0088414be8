"""The loop of `appkit chat`: a conversation, and the commands that go back in it, keep it and look into it."""

import warnings
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from appkit.cli.chat_input import Lines
from appkit.cli.columns import columns, fitted
from appkit.cli.line_loop import LineLoop
from appkit.cli.printable import on_one_line, printable
from appkit.cli.report import completion_json, print_pieces
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.chat import Chat, ChatStream, ConversationStore
    from appkit.cli.chat_template import ChatTemplate
    from appkit.cli.document_loop import DocumentLoop
    from appkit.context import CompiledContext
    from appkit.llm.base import LanguageModel

MAX_SHOWN_COLUMNS = 60


class ChatLoop(LineLoop):
    """One conversation between `lines` and standard output. Closes the documents that /docs opens, and nothing else.

    Args:
        store: where the chat is kept; None where it is not.
        template: what every line goes through; None where lines go to the model as they are.
        writer: the model that writes answers from documents; None quotes them.
        printer: shows an answer as it comes.
    """

    help_key = "chat_help"
    commands: ClassVar = ("/system", "/stats", "/context", "/undo", "/edit", "/fork", "/reset", "/save", "/docs")

    def __init__(
        self,
        chat: "Chat",
        lines: Lines,
        *,
        store: "ConversationStore | None" = None,
        template: "ChatTemplate | None" = None,
        writer: "LanguageModel | None" = None,
        printer: Callable[[Iterable[str]], None] = print_pieces,
        json: bool = False,
    ) -> None:
        super().__init__(lines, json=json)
        self._chat = chat
        self._store = store
        self._template = template
        self._writer = writer
        self._print = printer
        self._docs: DocumentLoop | None = None
        self._context: CompiledContext | None = None
        self._num_dropped = 0

    def run(self) -> None:
        """See `LineLoop.run`."""
        from appkit.chat import ConversationNotice

        with warnings.catch_warnings():  # what these notices tell, the loop says in the person's own language
            warnings.simplefilter("ignore", ConversationNotice)
            try:
                super().run()
            finally:
                self._close_docs()

    def ask(self, question: str) -> None:
        """A turn with `question` as it is."""
        self._show(lambda: self._chat.stream(question))

    def answer(self, question: str) -> None:
        if self._docs is not None:
            self._docs.answer(question)
        elif self._was_draft:
            self._show(lambda: self._chat.edit(question))
        elif self._template is not None:
            self._ask_filled(self._template, question)
        else:
            self.ask(question)

    def obey(self, command: str, rest: str) -> bool:
        if command == "/docs":
            self._use_docs(rest)
            return True
        if self._docs is not None:
            if command in self.commands:
                raise ValueError(text("chat_docs_first", command=command))
            return self._docs.obey(command, rest)
        match command:
            case "/system":
                self._system(rest)
            case "/stats":
                self.say(text("chat_stats", **asdict(self._chat.stats())))
            case "/context":
                self._say_context()
            case "/undo":
                self._undo(rest)
            case "/edit":
                self._edit(rest)
            case "/fork":
                self._fork()
            case "/reset":
                self._reset()
            case "/save":
                self._save(rest)
            case _:
                return False
        return True

    def help(self) -> str:
        return super().help() if self._docs is None else f"{self._docs.help()}\n{text('chat_docs_help')}"

    def known_commands(self) -> tuple[str, ...]:
        return super().known_commands() if self._docs is None else (*self._docs.known_commands(), "/docs")

    def _ask_filled(self, template: "ChatTemplate", line: str) -> None:
        """A turn with a line in its place of the template; a new conversation is called after the line."""
        filled = template.fill(line)
        is_new = self._chat.messages == filled.before
        self._chat.system = filled.system
        self.ask(filled.question)
        conversation_id = self._chat.conversation_id
        if is_new and self._store is not None and conversation_id and self._chat.messages != filled.before:
            self._store.rename(conversation_id, _beginning(line))

    def _show(self, begin: "Callable[[], ChatStream]") -> None:
        """An answer as it comes, and what its asker should know about it."""
        conversation_id = self._chat.conversation_id
        with self.interruptible(self._chat.end_turn):
            turn = begin()
            self._context = turn.context
            if not self._json:
                self._print(turn)
            answer = turn.result()
            if self._json:
                self.say(completion_json(answer, conversation=self._chat.conversation_id), to_person=False)
        self._say_dropped()
        if self._chat.conversation_id != conversation_id:  # another process went on with it
            self.say(text("chat_parted", before=conversation_id, id=self._chat.conversation_id))

    def _say_dropped(self) -> None:
        """Once whenever more of the conversation had to be left out."""
        if self._context is None:
            return
        num_dropped = len(self._context.section("history").dropped)
        if num_dropped > self._num_dropped:
            self.say(text("chat_dropped", count=num_dropped))
        self._num_dropped = num_dropped

    def _system(self, new: str) -> None:
        if new:
            self._chat.system = new
            self.say(text("chat_system_set", system=new))
            return
        system = self._chat.system
        if system is None:  # the model's own, where it has one
            system = getattr(self._chat.model, "system_prompt", "")
        self.say(text("chat_system_is", system=printable(system)) if system else text("chat_system_none"))

    def _say_context(self) -> None:
        if self._context is None:
            self.say(text("chat_no_turn_yet"))
            return
        from appkit.cli.explain_report import map_text

        self.say(map_text(self._context, self._chat.model), is_list=True)

    def _undo(self, count: str) -> None:
        if count and not (count.isascii() and count.isdigit()):
            raise ValueError(text("chat_undo_count", given=count))
        from appkit.context import turns

        there = len(turns(self._chat.messages))
        if (wanted := int(count or 1)) > there:
            raise ValueError(text("chat_undo_too_many", count=wanted, turns=there))
        self._chat.undo(wanted)
        self._num_dropped = 0
        last = self._last_question()
        self.say(text("chat_undone_all") if last is None else text("chat_undone", question=_beginning(last)))

    def _edit(self, new: str) -> None:
        if (last := self._last_question()) is None:
            raise ValueError(text("chat_nothing_to_edit"))
        if new:
            self._show(lambda: self._chat.edit(new))
        elif self._lines.survives_errors:
            self._draft = last
        else:
            raise ValueError(text("chat_edit_needs_text"))

    def _fork(self) -> None:
        before = self._chat.conversation_id
        self._chat = self._chat.fork()
        self.say(
            text("chat_forked", id=self._chat.conversation_id, before=before) if before else text("chat_forked_here")
        )

    def _reset(self) -> None:
        self._chat.reset()
        self._context, self._num_dropped = None, 0
        self.say(text("chat_reset"))

    def _save(self, target: str) -> None:
        """A title, or a file for the whole conversation."""
        from appkit.cli.logs import export_to_new_file

        conversation_id = self._chat.conversation_id
        if self._store is None or conversation_id is None:
            raise ValueError(text("chat_not_kept"))
        if not self._chat.messages:
            raise ValueError(text("chat_no_turn_yet"))
        if not target:
            raise ValueError(text("chat_save_what"))
        if target.endswith(".jsonl"):
            count = export_to_new_file(self._store, conversation_id, Path(target).expanduser())
            self.say(text("logs_exported", file=target, count=count))
        else:
            self._store.rename(conversation_id, target)
            self.say(text("logs_renamed", id=conversation_id, title=on_one_line(target)))

    def _use_docs(self, folder: str) -> None:
        """Answer from the documents of a folder from now on, or from the model again."""
        from appkit.cli.document_loop import DocumentLoop

        if folder == "off":
            self.say(text("chat_docs_off") if self._docs is not None else text("chat_docs_none"))
            self._close_docs()
        elif folder:
            docs = DocumentLoop(Path(folder).expanduser(), self._lines, model=self._writer, json=self._json)
            self._close_docs()
            self._docs = docs
            self.say(text("chat_docs_on", folder=folder, documents=docs.num_documents))
        else:
            raise ValueError(text("chat_docs_which"))

    def _close_docs(self) -> None:
        if self._docs is not None:
            self._docs.close()
        self._docs = None

    def _last_question(self) -> str | None:
        questions = [message.content for message in self._chat.messages if message.role == "user"]
        return questions[-1] if questions else None


def _beginning(words: str) -> str:
    line = on_one_line(words)
    return line if columns(line) <= MAX_SHOWN_COLUMNS else fitted(line, MAX_SHOWN_COLUMNS).rstrip()
