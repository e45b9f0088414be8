"""`appkit models`: what models there are, and which of them are here."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from appkit.cli.options import JsonOption
from appkit.cli.progress import show_progress

if TYPE_CHECKING:
    from runtime import CatalogEntry, Manifest

app = typer.Typer(
    rich_markup_mode=None, add_completion=False, pretty_exceptions_enable=False, help="Find, pull and carry models."
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A name that `appkit models list` shows.")]
PullArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A catalog name, hf:owner/repo/file.gguf, or the path of a GGUF file.")
]


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """Show the catalog and every stored model."""
    from runtime import ENTRIES, installed

    stored = {manifest.name: manifest for manifest in installed()}
    rows = [_facts(ENTRIES.get(name), stored.get(name)) for name in [*ENTRIES, *(stored.keys() - ENTRIES.keys())]]
    if as_json:
        _print_json(rows)
        return
    columns = ("name", "here", "size", "kind", "languages", "licence", "title")
    _print_table(columns, [[_cell(row, column) for column in columns] for row in rows])


@app.command()
def pull(name: PullArgument, as_json: JsonOption = False) -> None:
    """Download a model, verify it and store it. What is here already is not downloaded again."""
    import runtime

    try:
        with show_progress(name) as progress:
            path = runtime.pull(name, progress=progress)
    except KeyboardInterrupt:
        typer.echo("Stopped; no model was stored.", err=True)
        raise typer.Exit(130) from None
    if as_json:
        _print_json({"name": name, "path": str(path), "sha256": runtime.read_stored(name).sha256})
    else:
        typer.echo(f"{name} is here: {path}")


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One model; all stored ones without it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Read stored models whole and compare their SHA-256."""
    import runtime

    names = [name] if name else [manifest.name for manifest in runtime.installed()]
    results: list[dict[str, Any]] = []
    for each in names:
        try:
            with show_progress(each) as progress:
                runtime.verify(each, progress)
            results.append({"name": each, "intact": True, "fault": None})
        except runtime.CatalogError as error:
            results.append({"name": each, "intact": False, "fault": str(error)})
    if as_json:
        _print_json(results)
    else:
        for result in results:
            typer.echo(f"{result['name']}: " + ("intact" if result["intact"] else result["fault"]))
        if not results:
            typer.echo("No model is stored yet.")
    if not all(result["intact"] for result in results):
        raise typer.Exit(1)


@app.command("rm")
def remove_model(
    name: NameArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a stored model."""
    from runtime import remove

    if not yes and not _agrees(f"Remove {name} from this machine? [y/N] "):
        typer.echo("Nothing was removed; --yes does not ask.", err=True)
        raise typer.Exit(1)
    freed = remove(name)
    if as_json:
        _print_json({"name": name, "freed_bytes": freed})
    else:
        typer.echo(f"Removed {name}; {_megabytes(freed)} are free again.")


@app.command()
def info(name: NameArgument, as_json: JsonOption = False) -> None:
    """Show everything known about a model."""
    from runtime import ENTRIES, find_stored, read_stored

    facts = _facts(ENTRIES.get(name), find_stored(name) if name in ENTRIES else read_stored(name))
    if as_json:
        _print_json(facts)
        return
    for key, value in facts.items():
        if value not in (None, "", {}, []):
            typer.echo(f"{key.replace('_', ' ') + ':':18}{_shown(key, value)}")


@app.command()
def recommend(
    language: Annotated[str, typer.Option(help="Language of your texts, as a code: en, zh, …")] = "en",
    ram: Annotated[float | None, typer.Option(min=0, help="Memory to use, in GB; else what is free now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say which models suit this machine and a language."""
    from runtime import available_memory_bytes, recommend_models

    ram_bytes = int(ram * 1e9) if ram is not None else available_memory_bytes()
    room = "this much memory" if ram_bytes is None else f"{ram_bytes / 1e9:.1f} GB of memory"
    advice = recommend_models(language, ram_bytes)
    if as_json:
        _print_json(
            {
                "language": language,
                "ram_bytes": ram_bytes,
                "chat": [_facts(entry, None) for entry in advice.chat],
                "embed": [_facts(entry, None) for entry in advice.embed],
                "for_real_work": advice.for_real_work,
            }
        )
        return
    for purpose, entries in (("chat", advice.chat), ("embeddings", advice.embed)):
        if not entries:
            typer.echo(f"{purpose}: the catalog has nothing for {language!r} in {room}.")
        for entry in entries:
            scores = "".join(f" {task} {score}." for task, score in entry.scores.items())
            typer.echo(f"{purpose}: {entry.name} ({_megabytes(entry.size_bytes)}). {entry.note}{scores}")
    typer.echo(advice.for_real_work)


@app.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(help="File to write.")],
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="Stored models to put in it.")],
    as_json: JsonOption = False,
) -> None:
    """Write stored models to one file, for a machine without a network."""
    from runtime import export_models

    with show_progress("export") as progress:
        manifests = export_models(names, file, progress)
    _tell_carried(f"Wrote {file} with", manifests, as_json)


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A file that `appkit models export` wrote.")],
    as_json: JsonOption = False,
) -> None:
    """Store the models that such a file holds."""
    from runtime import import_models

    with show_progress("import") as progress:
        manifests = import_models(file, progress)
    _tell_carried("Here now:", manifests, as_json)


def _agrees(question: str) -> bool:
    """Ask on standard error, so that --json stays JSON. No answer is no."""
    typer.echo(question, nl=False, err=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _facts(entry: "CatalogEntry | None", manifest: "Manifest | None") -> dict[str, Any]:
    """What is known of a model from the catalog and from the store; at least one of them knows it."""
    from runtime import weight_path

    facts: dict[str, Any] = {
        "name": entry.name if entry else manifest.name if manifest else None,
        "installed": manifest is not None,
        "path": str(weight_path(manifest)) if manifest else None,
        "size_bytes": manifest.size_bytes if manifest else entry.size_bytes if entry else None,
        "sha256": manifest.sha256 if manifest else entry.sha256 if entry else None,
    }
    if manifest is not None:
        facts |= {"source": manifest.source, "converted_from": manifest.converted_from}
    if entry is not None:
        facts |= {
            "title": entry.title,
            "kind": entry.kind,
            "languages": list(entry.languages),
            "licence": entry.licence,
            "download_bytes": entry.download_bytes,
            "max_seq_len": entry.max_seq_len,
            "system_prompt": entry.system_prompt,
            "sampling": dict(entry.sampling),
            "prefixes": dict(entry.prefixes),
            "note": entry.note,
            "scores": dict(entry.scores),
        }
    return facts


def _cell(row: dict[str, Any], column: str) -> str:
    if column == "here":
        return "yes" if row["installed"] else ""
    if column == "size":
        return _megabytes(row["size_bytes"])
    return _shown(column, row.get(column) or "")


def _shown(key: str, value: Any) -> str:
    if key.endswith("_bytes"):
        return f"{value:,} ({_megabytes(value)})"
    if isinstance(value, dict):
        return ", ".join(f"{name} {part!r}" for name, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns as wide as their widest cell, the last one free; plain text, so that pipes get what eyes get."""
    rows = list(rows)
    widths = [max(len(line[idx]) for line in [columns, *rows]) for idx in range(len(columns))]
    for line in [columns, *rows]:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _tell_carried(sentence: str, manifests: "list[Manifest]", as_json: bool) -> None:
    if as_json:
        _print_json([{"name": manifest.name, "sha256": manifest.sha256} for manifest in manifests])
    else:
        typer.echo(f"{sentence} {', '.join(manifest.name for manifest in manifests)}")
