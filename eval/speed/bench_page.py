"""A benchmark as a table on the terminal and as a page of `eval/results`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.tasks.provenance import provenance
from eval.tasks.results import write_results

ABOUT = """
Prompts are random token ids; decoding is greedy, 64 tokens after prompts of the depth named, and for several sequences
128 tokens after 128 each, counted while all of them write. Sides take turns in processes of their own; figures are
medians over all repetitions, with the least and the most. `ratio` is how many times as good we are: above 1 we are
ahead. `first token, loaded` is of a prompt of 8 tokens. Memory is VmHWM, mapped files included. Bandwidth is what the
same threads read of memory between the processes; decoding at depth 0 reads all weights a token.
"""


def print_table(figures: Mapping[str, Any]) -> None:
    """On the terminal."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column, justify in (("test", "left"), ("ours", "right"), (figures["peer"] or "", "right"), ("ratio", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    table.add_column("unit")
    for row in figures["rows"]:
        table.add_row(row["test"], _shown(row, "ours"), _shown(row, "peer"), _ratio(row), row["unit"])
    console = Console()
    console.print(table)
    if "bandwidth_gb_s" in figures:
        console.print(_memory(figures), markup=False)
    if figures["left_out"]:
        console.print(f"Longer than the model's context: {', '.join(figures['left_out'])}.", markup=False)


def keep(figures: dict[str, Any], model: str) -> Path:
    """Write the page. Returns its path."""
    options = ["-m", model, *(["--vs", figures["peer"]] if figures["peer"] else [])]
    options += ["--threads", str(figures["threads"]), "--processes", str(figures["processes"])]
    options += ["--repetitions", str(figures["repetitions"])]
    source = provenance("eval.speed", *options)
    source["command"] = source["command"].replace("python -m eval.speed", "appkit bench", 1)
    name = f"{figures['model']} beside {figures['peer'] or 'nobody'}, {figures['threads']} threads"
    return write_results("bench", name, figures | source, title="How fast models run", about=ABOUT, as_markdown=_page)


def _page(figures: dict[str, Any]) -> str:
    lines = [
        f"## {figures['model']}, {figures['threads']} threads, {figures['processes']} processes of "
        f"{figures['repetitions']} repetitions a side",
        "",
        f"| test | ours | {figures['peer'] or '—'} | ratio | unit |",
        "|---|---|---|---|---|",
    ]
    for row in figures["rows"]:
        cells = row["test"], _shown(row, "ours"), _shown(row, "peer"), _ratio(row), row["unit"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", _memory(figures)] if "bandwidth_gb_s" in figures else lines)


def _shown(row: Mapping[str, Any], side: str) -> str:
    if row[side] is None:
        return ""
    digits = 0 if row[side] >= 100 else 2
    low, high = row[f"{side}_spread"]
    return f"{row[side]:,.{digits}f} ({low:,.{digits}f} … {high:,.{digits}f})"


def _ratio(row: Mapping[str, Any]) -> str:
    return "" if row["ratio"] is None else f"{row['ratio']:.2f}"


def _memory(figures: Mapping[str, Any]) -> str:
    share = figures["bandwidth_share"]
    reached = "" if share is None else f", of which decoding reaches {share:.0%}"
    return (
        f"Memory gives {figures['bandwidth_gb_s']:.1f} GB/s; a token reads {figures['bytes_per_token'] / 1e6:,.1f} MB "
        f"of weights, so at most {figures['roofline_tokens_per_s']:,.0f} tokens/s{reached}."
    )
