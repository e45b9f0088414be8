"""`appkit chat`: a conversation at the terminal, or line by line from a pipe."""

import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appkit.cli.columns import wrapped
from appkit.cli.options import (
    DEFAULT_MODEL,
    AdapterOption,
    JsonOption,
    MaxTokensOption,
    ParamOption,
    SeedOption,
    SystemOption,
    TemperatureOption,
    ThreadsOption,
)
from appkit.cli.printable import on_one_line, printable
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.chat import Chat, Conversation, ConversationStore
    from appkit.cli.chat_input import Lines
    from appkit.cli.chat_template import ChatTemplate
    from appkit.llm.base import LanguageModel
    from appkit.messages import Message

app = typer.Typer(rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def chat(
    model: Annotated[
        str | None,
        typer.Option(
            "-m",
            "--model",
            help=f"A catalog name, a file, or openai:http://…; without it that of the conversation, else "
            f"{DEFAULT_MODEL}. With documents, sentences are quoted without it.",
        ),
    ] = None,
    adapter: AdapterOption = None,
    continues: Annotated[
        bool, typer.Option("-c", "--continue", help="Go on with the conversation that was used last.")
    ] = False,
    conversation_id: Annotated[
        str | None, typer.Option("--cid", metavar="ID", help="Go on with this one; the beginning of its id is enough.")
    ] = None,
    no_log: Annotated[bool, typer.Option("--no-log", help="Keep nothing: no conversation, no typed lines.")] = False,
    template: Annotated[
        str | None,
        typer.Option(
            "-t",
            "--template",
            help="Begin with a prompt, by name or .prompt file. If -p leaves one text of it open, each line you type "
            "fills it; if none, its question is asked first and lines go to the model as they are.",
        ),
    ] = None,
    param: ParamOption = None,
    docs: Annotated[
        Path | None, typer.Option("--docs", metavar="FOLDER", help="Ask the documents of this folder; nothing is kept.")
    ] = None,
    system: SystemOption = None,
    temperature: TemperatureOption = None,
    seed: SeedOption = None,
    max_tokens: MaxTokensOption = None,
    threads: ThreadsOption = None,
    plain: Annotated[bool, typer.Option("--plain", help="Show answers as they are written, not as Markdown.")] = False,
    json: JsonOption = False,
) -> None:
    """Talk with a model, or ask the documents of a folder. Lines piped in are turns, one answer each.

    Conversations are kept on this machine: appkit logs lists them, appkit chat -c goes on, --no-log keeps nothing.
    """
    chosen = {"temperature": temperature, "seed": seed, "max_tokens": max_tokens}
    chosen = {name: value for name, value in chosen.items() if value is not None}
    how = _How(at_terminal=sys.stdin.isatty() and sys.stdout.isatty() and not json, json=json, plain=plain)
    if docs is not None:
        if chosen or system is not None:
            raise ValueError(text("docs_without_sampling"))
        if continues or conversation_id is not None or template is not None:
            raise ValueError(text("docs_without_conversation"))
        if adapter is not None and model is None:
            raise ValueError(text("adapter_without_model"))
        _ask_documents(docs, model, adapter, threads, how)
        return
    if param and template is None:
        raise ValueError(text("params_without_template"))
    if continues and conversation_id is not None:
        raise ValueError(text("chat_continue_twice"))
    if no_log and (continues or conversation_id is not None):
        raise ValueError(text("chat_continue_without_log"))
    with ExitStack() as stack:
        store = None if no_log else _open_store(stack)
        session = _Session(
            store=store,
            going_on=_find_conversation(store, continues, conversation_id),
            template=_find_template(template, param or [], system),
            system=system,
            model=model,
            adapter=adapter,
            threads=threads,
            settings=chosen,
        )
        _talk(session, how, stack)


@dataclass(frozen=True, kw_only=True)
class _Session:
    """What was asked for, found and checked; only the model is not open yet."""

    store: "ConversationStore | None"
    going_on: "Conversation | None"
    template: "ChatTemplate | None"
    system: str | None
    model: str | None
    adapter: Path | None
    threads: int | None
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        if self.template is not None and self.going_on is not None and not self.template.takes_lines:
            raise ValueError(text("chat_template_begins", prompt=self.template.name))

    @property
    def model_spec(self) -> str:
        """What names the model: the caller, else the conversation."""
        return self.model or (self.going_on.model if self.going_on else DEFAULT_MODEL)


@dataclass(frozen=True, kw_only=True)
class _How:
    """How lines come in and answers go out."""

    at_terminal: bool
    json: bool
    plain: bool

    def lines(self, *, keeps: bool = True) -> "Lines":
        """Where lines come from."""
        from appkit.cli.chat_input import PipedLines, TerminalLines

        if not self.at_terminal:
            return PipedLines(sys.stdin)
        from appkit.cli.chat_history import open_chat_history

        return TerminalLines(open_chat_history(keeps=keeps))

    def printer(self) -> Callable[[Iterable[str]], None]:
        """What shows an answer."""
        from appkit.cli.printable import is_colourful
        from appkit.cli.report import print_pieces

        if self.plain or not self.at_terminal or not is_colourful():
            return print_pieces
        from appkit.cli.live_markdown import print_markdown

        return print_markdown


def _talk(session: _Session, how: _How, stack: ExitStack) -> None:
    from appkit.cli.chat_loop import ChatLoop

    llm = stack.enter_context(_open_model(session))
    talk = stack.enter_context(_open_chat(session, llm))
    loop = ChatLoop(
        talk,
        how.lines(keeps=session.store is not None),
        store=session.store,
        template=session.template if session.template is not None and session.template.takes_lines else None,
        writer=llm if session.model else None,
        printer=how.printer(),
        json=how.json,
    )
    if how.at_terminal:
        _greet(session, talk, how)
    if session.template is not None and not session.template.takes_lines:
        question = session.template.opening.question
        if how.at_terminal:
            typer.echo(f"> {printable(question)}")
        loop.ask(question)
    loop.run()


def _open_model(session: _Session) -> "LanguageModel":
    """Raises as `open_for_terminal`; says so where the model came from the conversation and not from the caller."""
    from appkit.cli.open_model import open_for_terminal
    from runtime.errors import CatalogError

    try:
        return open_for_terminal(session.model_spec, num_threads=session.threads, adapter=session.adapter)
    except (CatalogError, ValueError) as error:
        if session.model is not None or session.going_on is None:
            raise
        raise ValueError(
            text("chat_model_gone", id=session.going_on.id, model=session.model_spec, reason=error)
        ) from error


def _open_chat(session: _Session, llm: "LanguageModel") -> "Chat":
    from appkit.chat import Chat
    from appkit.llm.base import GenerationSettings

    template, system = session.template, session.system
    options: Mapping[str, Any] = {}
    messages: tuple[Message, ...] = ()
    if template is not None:
        options, system = template.options, template.opening.system
        messages = template.opening.before if session.going_on is None else ()
    return Chat(
        llm,
        system=system,
        settings=GenerationSettings(**{**options, **session.settings}),  # what is typed goes before what a prompt says
        store=session.store,
        conversation=session.going_on.id if session.going_on else None,
        messages=messages,
    )


def _greet(session: _Session, talk: "Chat", how: _How) -> None:
    """What a person should know before the first line; of a conversation that goes on, its last turn."""
    answering = talk.model.name + (f" + {session.adapter.resolve().name}" if session.adapter is not None else "")
    said = [text("chat_banner", model=on_one_line(answering), max_seq_len=talk.model.max_seq_len)]
    if (going_on := session.going_on) is not None:
        title = on_one_line(going_on.title)
        said.append(text("chat_going_on", id=going_on.id, title=title, count=going_on.num_messages))
    elif session.store is not None:
        said.append(text("chat_kept", id=talk.conversation_id))
    else:
        said.append(text("chat_not_logged"))
    if session.template is not None and (name := session.template.line_variable):
        said.append(text("chat_template_lines", variable=name, prompt=session.template.name))
    width = shutil.get_terminal_size().columns
    for line in said:
        typer.echo(wrapped(line, width))
    if going_on is not None:
        for message in talk.messages[-2:]:
            if message.role == "user":
                typer.echo("> " + wrapped(printable(message.content), width - 2).replace("\n", "\n  "))
            elif message.role == "assistant":
                how.printer()([message.content])


def _open_store(stack: ExitStack) -> "ConversationStore":
    from appkit.chat import ConversationStore

    return stack.enter_context(ConversationStore())


def _find_conversation(
    store: "ConversationStore | None", continues: bool, conversation_id: str | None
) -> "Conversation | None":
    """The conversation to go on with. Raises ValueError where there is none to go on with."""
    if store is None or not (continues or conversation_id is not None):
        return None
    if conversation_id is not None:
        return store.get(conversation_id)
    if (latest := store.latest()) is None:
        raise ValueError(text("logs_empty"))
    return latest


def _find_template(name: str | None, params: Sequence[str], system: str | None) -> "ChatTemplate | None":
    if name is None:
        return None
    from appkit.cli.chat_template import ChatTemplate

    return ChatTemplate.find(name, params, system=system)


def _ask_documents(folder: Path, model: str | None, adapter: Path | None, threads: int | None, how: _How) -> None:
    from appkit.cli.document_loop import DocumentLoop
    from appkit.cli.open_model import open_for_terminal

    with ExitStack() as stack:
        llm = None
        if model is not None:
            llm = stack.enter_context(open_for_terminal(model, num_threads=threads, adapter=adapter))
        loop = stack.enter_context(DocumentLoop(folder, how.lines(), model=llm, json=how.json))
        if how.at_terminal:
            typer.echo(text("docs_banner", folder=folder, documents=loop.num_documents))
        loop.run()
