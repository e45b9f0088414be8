"""Indexes and hits as a person reads them, and as `--json` shows them; the JSON shapes are promised to scripts."""

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from appkit.cli.printable import on_one_line
from appkit.cli.texts import text
from appkit.retrieval.documents import Hit, SkippedFile
from appkit.retrieval.report import IndexStats, SyncReport

SHOWN_CHARACTERS = 300  # of a hit's text


def that_failed(skipped: Sequence[SkippedFile]) -> list[SkippedFile]:
    """The files that should have become documents: all but those of a kind that is not read at all."""
    return [file for file in skipped if file.reason != "unsupported"]


def print_sync(report: SyncReport) -> None:
    """What changed, then what was skipped and why. Skipped files go to standard error."""
    if report.dry_run:
        for sign, sources in (("+", report.added), ("~", report.updated), ("-", report.deleted)):
            for source in sources:
                _say(f"{sign} {on_one_line(source)}")
    _say(sync_sentence(report))
    print_skipped(report.skipped)


def sync_sentence(report: SyncReport) -> str:
    """What changed, in numbers."""
    return text(
        "index_would_change" if report.dry_run else "index_synced",
        added=len(report.added),
        updated=len(report.updated),
        deleted=len(report.deleted),
        unchanged=report.unchanged,
        documents=report.num_documents,
        chunks=report.num_chunks,
    )


def print_skipped(skipped: Sequence[SkippedFile]) -> None:
    """Each file that failed, with its reason; those of a kind that is not read are only counted. On standard error."""
    failed = that_failed(skipped)
    if failed:
        sys.stderr.write(text("index_skipped", count=len(failed)) + "\n")
        for file in failed:
            sys.stderr.write(f"  {on_one_line(file.source)} ({file.reason}): {on_one_line(file.detail)}\n")
    if count := len(skipped) - len(failed):
        sys.stderr.write(text("index_unsupported", count=count) + "\n")


def sync_json(report: SyncReport) -> dict[str, Any]:
    """The fields of `SyncReport`, and how many files were skipped for each reason."""
    return {
        "added": list(report.added),
        "updated": list(report.updated),
        "deleted": list(report.deleted),
        "unchanged": report.unchanged,
        "skipped": [asdict(file) for file in report.skipped],
        "skipped_counts": dict(Counter(file.reason for file in report.skipped)),
        "num_documents": report.num_documents,
        "num_chunks": report.num_chunks,
        "seconds": round(report.seconds, 4),
        "dry_run": report.dry_run,
    }


def print_hits(hits: Sequence[Hit]) -> None:
    """Place and scores of each hit, and the beginning of its text."""
    if not hits:
        _say(text("search_nothing"))
    for number, hit in enumerate(hits, start=1):
        scores = ", ".join(f"{name} {score:.3g}" for name, score in hit.scores.items())
        _say(f"{number}. {place(hit.chunk.source, hit.chunk.page_number, hit.chunk.section_path)}  ({scores})")
        shown = on_one_line(hit.chunk.text)
        _say("   " + (shown if len(shown) <= SHOWN_CHARACTERS else shown[:SHOWN_CHARACTERS] + "…"))


def place(file: str, page_number: int | None, section_path: Sequence[str] = ()) -> str:
    """`file, page 3, section`, as far as it is known."""
    parts = [on_one_line(file)]
    if page_number is not None:
        parts.append(text("page", number=page_number))
    if section_path:
        parts.append(on_one_line(section_path[-1]))
    return ", ".join(parts)


def stats_json(stats: IndexStats) -> dict[str, Any]:
    """The fields of `IndexStats`, paths as text."""
    facts = asdict(stats)
    return facts | {"path": str(stats.path), "folder": None if stats.folder is None else str(stats.folder)}


def print_stats(stats: IndexStats) -> None:
    """One fact a line."""
    facts = stats_json(stats) | {
        "languages": ", ".join(f"{name} {count}" for name, count in sorted(stats.languages.items())),
        "skipped": len(that_failed(stats.skipped)),
        "size_bytes": f"{stats.size_bytes:,} ({stats.size_bytes / 1e6:,.1f} MB)",
    }
    for name, value in facts.items():
        if value not in (None, ""):
            shown = f"{value:,}" if isinstance(value, int) else value
            _say(f"{name.replace('_', ' ') + ':':16}{shown}")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
