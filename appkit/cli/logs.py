"""`appkit logs`: the conversations that were kept, listed, shown, searched, moved and removed."""

import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appkit.cli.agreement import agrees
from appkit.cli.printable import escaped_json, json_text
from appkit.cli.texts import text

if TYPE_CHECKING:
    from appkit.chat import ConversationStore

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Look after the conversations that appkit chat kept.",
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The conversation's id, or its beginning.")]
LimitOption = Annotated[int, typer.Option("-n", "--limit", min=1, max=100_000, help="How many at most.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, one line each.")]


@app.command("list")
def list_conversations(limit: LimitOption = 20, as_json: JsonOption = False) -> None:
    """List conversations, the one used last first. Piped, fields are separated by tabs."""
    from appkit.cli.logs_report import conversation_json, print_conversations

    with _open_store() as store:
        conversations = store.list(limit)
    if as_json:
        for conversation in conversations:
            typer.echo(json_text(conversation_json(conversation)))
    elif conversations:
        print_conversations(conversations)
    else:
        typer.echo(text("logs_empty"), err=True)


@app.command()
def show(
    conversation_id: IdArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Write the whole conversation as one JSON object.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Write it as a Markdown document.")] = False,
) -> None:
    """Show what was said."""
    from appkit.cli.logs_report import conversation_json, message_json, print_as_markdown, print_conversation

    if as_json and as_markdown:
        raise ValueError("--json and --markdown are two forms of the same: leave one of them out.")
    with _open_store() as store:
        conversation, messages = store.load(conversation_id)
    if as_json:
        typer.echo(json_text({**conversation_json(conversation), "messages": [*map(message_json, messages)]}))
    elif as_markdown:
        print_as_markdown(conversation, messages)
    else:
        print_conversation(conversation, messages)


@app.command()
def search(
    words: Annotated[str, typer.Argument(metavar="TEXT", help="Words to look for, in any language.")],
    limit: LimitOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Find messages by their words, best first. Exit status 1: none was found."""
    from appkit.cli.logs_report import hit_json, print_hits

    with _open_store() as store:
        hits = store.search(words, limit)
    if as_json:
        for hit in hits:
            typer.echo(json_text(hit_json(hit)))
    elif hits:
        print_hits(hits)
    else:
        typer.echo(text("logs_nothing_found"), err=True)
    if not hits:
        raise typer.Exit(1)


@app.command()
def rename(conversation_id: IdArgument, title: Annotated[str, typer.Argument(help="Its new title.")]) -> None:
    """Give a conversation another title."""
    from appkit.cli.logs_report import title_of

    with _open_store() as store:
        conversation = store.rename(conversation_id, title)
    typer.echo(text("logs_renamed", id=conversation.id, title=title_of(conversation)))


@app.command("rm")
def remove(
    conversation_id: IdArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a conversation for good, branches included."""
    from appkit.cli.logs_report import title_of

    with _open_store() as store:
        found = store.get(conversation_id)
        question = text("logs_remove_question", id=found.id, title=title_of(found), count=found.num_messages)
        if not yes and not agrees(question):
            typer.echo(text("logs_kept"), err=True)
            raise typer.Exit(1)
        store.delete(found.id)
    typer.echo(text("logs_removed", id=found.id))


@app.command()
def export(
    conversation_id: IdArgument,
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to; - is standard output.")] = "-",
) -> None:
    """Write a conversation as JSON Lines: one line about it, then one a message."""
    with _open_store() as store:
        if file == "-":
            lines = io.StringIO()
            store.export_jsonl(conversation_id, lines)
            sys.stdout.write(escaped_json(lines.getvalue()))
        else:
            count = export_to_new_file(store, conversation_id, Path(file))
            typer.echo(text("logs_exported", file=file, count=count), err=True)


@app.command("import")
def import_file(
    file: Annotated[str, typer.Argument(metavar="FILE", help="What export wrote; - is standard input.")],
) -> None:
    """Read a conversation that was exported, as a new one; its id goes to standard output."""
    from appkit.chat import ConversationStore

    with ConversationStore() as store:
        conversation = store.import_jsonl(sys.stdin if file == "-" else Path(file))
    typer.echo(conversation.id)


def export_to_new_file(store: "ConversationStore", conversation_id: str, file: Path) -> int:
    """Export to a file that is not there yet; returns how many messages. Raises ValueError where it is."""
    if file.exists():
        raise ValueError(text("file_exists", file=file))
    return store.export_jsonl(conversation_id, file)


def _open_store() -> "ConversationStore":
    from appkit.chat.store import ConversationStore  # 0.1 s

    return ConversationStore()
