"""Perplexity and bits per byte of a text file, by a named recipe.

    python -m eval.tasks.perplexity [FILE] [--recipe rolling|window|strided|llama.cpp] [--window N] [--stride N]
                                    [--max-windows N] [--model smollm2-135m] [--json] [--write]

How well a model foresees text that nobody wrote for it. Figures of two runs compare where recipe, window, stride, start
token and tokenizer are the same; bits per byte compare between tokenizers too. Intervals are 95 %, from drawing windows
anew; "± by tokens" is what llama.cpp prints, which takes tokens for independent and so is narrower.

FILE is the validation text of WikiText-2 unless given, in its tokenised form with `<unk>` for rare words.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.metrics import Figure, Perplexity, perplexity
from eval.metrics.perplexity_windows import RECIPES
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results
from runtime import Engine, ModelRuntimeError, load_model

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "wikitext2" / "valid.txt"


def as_markdown(report: dict[str, Any]) -> str:
    """One run as a section."""
    rows = [f"| {name} | {value} |" for name, value in report["table"].items()]
    return "\n".join([f"## {report['run']}", "", "| | |", "|---|---|", *rows])


def tabulate(result: Perplexity) -> dict[str, str]:
    """Every field of a result, as people read it."""
    return {
        "perplexity": _shown(result.perplexity),
        "± by tokens": f"{result.standard_error:.3f}",
        "bits per byte": _shown(result.bits_per_byte),
        **({"word perplexity": _shown(result.word_perplexity)} if result.word_perplexity else {}),
        "recipe": result.recipe,
        "window": f"{result.window:,}",
        "stride": f"{result.stride:,}",
        "start token": f"`{result.start_token}`".replace("|", "\\|") if result.start_token else "none",
        "windows": f"{result.num_windows:,}",
        "tokens of the text": f"{result.num_tokens:,}",
        "tokens scored": f"{result.num_scored:,}",
        "bytes scored": f"{result.num_bytes:,}",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; 1 where there is nothing to measure, with a sentence that says why."""
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.perplexity", description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=DATA)
    parser.add_argument("--recipe", choices=RECIPES, default="rolling")
    parser.add_argument("--window", type=int)
    parser.add_argument("--stride", type=int)
    parser.add_argument("--max-windows", type=int)
    parser.add_argument("-m", "--model", default="smollm2-135m")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="also put the figures into eval/results")
    options = parser.parse_args(arguments)
    try:
        text = options.file.read_text("utf-8")
        with load_model(options.model) as model, Engine(model) as engine:
            result = perplexity(
                engine,
                text,
                recipe=options.recipe,
                window=options.window,
                stride=options.stride,
                max_windows=options.max_windows,
                progress=_show_progress,
            )
    except OSError as error:
        sys.stderr.write(f"{options.file} cannot be read: {error.strerror}. Name a text file to measure.\n")
        return 1
    except UnicodeDecodeError as error:
        sys.stderr.write(f"{options.file} is not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}.\n")
        return 1
    except (ModelRuntimeError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1

    name = options.file.parent.name + "/" + options.file.name if options.file == DATA else options.file.name
    run = f"{name}, {options.model}, {result.recipe}, window {result.window}, {result.num_windows} windows"
    report: dict[str, Any] = {"run": run, "table": tabulate(result), "figures": asdict(result)}
    report |= provenance("eval.tasks.perplexity", *_arguments(options))
    if options.write:
        about = " ".join(__doc__.split("\n\n")[2].split())
        write_results("perplexity", run, report, title="Perplexity", about=about, as_markdown=as_markdown)
    sys.stdout.write((json.dumps(report, ensure_ascii=False) if options.json else as_markdown(report)) + "\n")
    return 0


def _show_progress(done: int, of: int) -> None:
    sys.stderr.write(f"\r{done}/{of} windows" + ("\n" if done == of else ""))


def _arguments(options: argparse.Namespace) -> list[str]:
    """The options that were given, for the command that gets the figures again."""
    chosen = {
        "--recipe": options.recipe,
        "--window": options.window,
        "--stride": options.stride,
        "--max-windows": options.max_windows,
        "--model": options.model,
    }
    file = [] if options.file == DATA else [str(options.file)]
    return file + [part for name, value in chosen.items() if value is not None for part in (name, str(value))]


def _shown(figure: Figure) -> str:
    if figure.interval is None:
        return f"{figure.value:.4f}"
    return f"{figure.value:.4f} ({figure.interval[0]:.4f} to {figure.interval[1]:.4f})"


if __name__ == "__main__":
    sys.exit(main())
