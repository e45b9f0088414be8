"""`appkit index`: the index of a folder, made, searched and looked after.

Exit status 3 says: done, but files that should have become documents did not. They are listed at the end.
"""

import json
import shlex
from typing import Annotated, Any

import typer

from appkit.cli.agreement import agrees
from appkit.cli.options import FilterOption, FolderArgument, JsonOption, LimitOption
from appkit.cli.texts import text

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make, search and look after the index of a folder. Exit status 3: done, but files had to be skipped.",
)

FILES_WERE_SKIPPED = 3

EmbedderOption = Annotated[
    str | None, typer.Option("--embedder", help="Embedding model; chosen by the languages of the texts without it.")
]


@app.command()
def sync(
    folder: FolderArgument,
    embedder: EmbedderOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the index in line with the folder: add, update and delete what changed."""
    from appkit.cli.index_report import print_sync, sync_json, that_failed
    from appkit.cli.open_index import sync_folder

    report = sync_folder(folder, embedder=embedder, dry_run=dry_run)
    if as_json:
        _print_json(sync_json(report))
    else:
        print_sync(report)
    if that_failed(report.skipped):
        raise typer.Exit(FILES_WERE_SKIPPED)


@app.command()
def search(
    folder: FolderArgument,
    query: Annotated[str, typer.Argument(help="What to look for, in any words.")],
    limit: LimitOption = 10,
    method: Annotated[str, typer.Option(help="hybrid, dense (by meaning) or bm25 (by words).")] = "hybrid",
    filter: FilterOption = None,
    diversity: Annotated[float | None, typer.Option(min=0, max=1, help="How unlike each other hits should be.")] = None,
    expand: Annotated[str, typer.Option(help="Show none, section or neighbours of each hit.")] = "none",
    as_json: JsonOption = False,
) -> None:
    """Search by meaning and by words."""
    from appkit.cli.index_report import print_hits
    from appkit.cli.open_index import open_index
    from appkit.cli.open_model import with_models
    from appkit.retrieval.search import search as search_index
    from appkit.server.index_tools import hit_to_json

    with open_index(folder) as index:
        hits = with_models(
            lambda: search_index(
                index,
                query,
                limit=limit,
                method=method,  # type: ignore[arg-type]  # checked there
                filter=filter,
                diversity=diversity,
                expand=expand,  # type: ignore[arg-type]
            )
        )
    if as_json:
        _print_json([hit_to_json(hit) for hit in hits])
    else:
        print_hits(hits)


@app.command("rm")
def remove(
    folder: FolderArgument,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE…]", help="Files below the folder; the whole index without them."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the whole index is removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Take files out of the index, or remove the index. The folder itself is never touched."""
    from appkit.cli.open_index import is_indexed, open_index
    from appkit.retrieval.index import default_index_path, remove_index

    if sources:
        with open_index(folder) as index:
            removed = index.remove(sources)
        if as_json:
            _print_json({"removed": list(removed)})
        else:
            typer.echo(text("index_removed_files", count=len(removed)))
        return
    path = default_index_path(folder)
    if not is_indexed(folder):
        open_index(folder)  # says that there is none
    if not yes and not agrees(text("index_remove_question", path=path)):
        typer.echo(text("index_kept"), err=True)
        raise typer.Exit(1)
    remove_index(path)
    if as_json:
        _print_json({"removed_index": str(path)})
    else:
        typer.echo(text("index_removed", path=path))


@app.command()
def stats(folder: FolderArgument, as_json: JsonOption = False) -> None:
    """Show what the index holds."""
    from appkit.cli.index_report import print_stats, stats_json
    from appkit.cli.open_index import open_index

    with open_index(folder) as index:
        facts = index.stats()
    if as_json:
        _print_json(stats_json(facts))
    else:
        print_stats(facts)


@app.command()
def verify(
    folder: FolderArgument,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended from what is left.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Read the whole index and compare it with what was written."""
    from appkit.cli.open_index import open_index

    with open_index(folder) as index:
        problems = list(index.verify())
        if repair and problems:
            index.repair()
        left = list(index.verify()) if repair and problems else problems
    if as_json:
        _print_json({"intact": not left, "problems": problems, "repaired": bool(problems) and not left})
    else:
        for problem in problems:
            typer.echo(problem)
        typer.echo(_verdict(problems, left, shlex.quote(str(folder))))
    if left:
        raise typer.Exit(1)


@app.command()
def rebuild(
    folder: FolderArgument,
    embedder: Annotated[str, typer.Option("--embedder", help="The embedding model to use from now on.")],
    as_json: JsonOption = False,
) -> None:
    """Make the vectors anew with another embedding model. The old ones serve until the new ones are complete."""
    from appkit.cli.index_report import print_stats, stats_json
    from appkit.cli.open_index import open_index
    from appkit.cli.open_model import with_models
    from appkit.cli.progress import show_indexing

    with open_index(folder) as index:

        def rebuild() -> None:
            with show_indexing() as progress:
                index.rebuild(embedder, progress=progress)

        with_models(rebuild)
        facts = index.stats()
    if as_json:
        _print_json(stats_json(facts))
    else:
        print_stats(facts)


def _verdict(problems: list[str], left: list[str], quoted_folder: str) -> str:
    if left:
        return text("index_damaged", quoted=quoted_folder)
    return text("index_repaired" if problems else "index_intact")


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))
