"""What the cures for repetition do to a model's texts: how much of them is said twice, without a cure and with each.

    python -m eval.tasks.repetition [MODEL] [--subjects 12] [--save]

The model is asked for a text of several paragraphs about each subject, greedily and at temperature 0.7.
Texts end after 220 tokens. The share of 4-grams that came before in the same text is counted over words.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from appkit import GenerationSettings, LocalModel
from appkit.messages import Message
from eval.metrics.diversity import repetition_rate
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results

SUBJECTS = (
    "the sea", "a journey by train", "bread", "the history of clocks", "why the sky is blue", "cats", "a small town",
    "how to plant a tree", "winter", "the moon", "learning a language", "bridges",
)  # fmt: skip
CURES: dict[str, dict[str, Any]] = {
    "none": {},
    "repetition_penalty 1.1": {"repetition_penalty": 1.1},
    "frequency_penalty 0.5": {"frequency_penalty": 0.5},
    "no_repeat_ngram 4": {"no_repeat_ngram": 4},
    "dry_multiplier 0.8": {"dry_multiplier": 0.8},
    "typical_p 0.9": {"typical_p": 0.9},
    "dynamic_temperature 0.5": {"dynamic_temperature": 0.5},
}
MODES: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0.0},
    "temperature 0.7": {"temperature": 0.7, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "seed": 1},
}
NEUTRAL = {"repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
MAX_TOKENS = 220
ABOUT = """
Share of 4-grams of words that stood before in the same text, of 0 to 1, with its 95 % interval over the texts. Filters
and temperatures do nothing to greedy texts. A low share says that a text does not go round in circles, not that it is
good.
"""


def main(arguments: list[str]) -> None:
    """Measure and print; with --save, also into `eval/results`."""
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.repetition", description=__doc__)
    parser.add_argument("model", nargs="?", default="smollm2-135m")
    parser.add_argument("--subjects", type=int, default=len(SUBJECTS))
    parser.add_argument("--save", action="store_true")
    options = parser.parse_args(arguments)
    subjects = SUBJECTS[: options.subjects]
    figures: dict[str, Any] = {"model": options.model, "texts": len(subjects), "rates": {}}
    with LocalModel(options.model) as model:
        for mode, given in MODES.items():
            for cure, settings in CURES.items():
                rate = repetition_rate(_texts(model, subjects, {**NEUTRAL, **given, **settings}))
                figures["rates"].setdefault(cure, {})[mode] = [rate.value, *(rate.interval or (rate.value,) * 2)]
                sys.stderr.write(f"{mode}, {cure}: {rate.value:.3f}\n")
    figures |= provenance("eval.tasks.repetition", *arguments)
    sys.stdout.write(_page(figures) + "\n")
    if options.save:
        write_results("repetition", options.model, figures, title="Repetition", about=ABOUT, as_markdown=_page)


def _texts(model: LocalModel, subjects: Sequence[str], settings: dict[str, Any]) -> list[str]:
    chosen = GenerationSettings(max_tokens=MAX_TOKENS, **settings)
    return [
        model.chat([Message(role="user", content=f"Write a text of several paragraphs about {subject}.")], chosen).text
        for subject in subjects
    ]


def _page(figures: dict[str, Any]) -> str:
    lines = [f"## {figures['model']}, {figures['texts']} texts", "", f"| cure | {' | '.join(MODES)} |", "|---|---|---|"]
    for cure, rates in figures["rates"].items():
        cells = [f"{value:.3f} ({low:.3f} to {high:.3f})" for value, low, high in (rates[mode] for mode in MODES)]
        lines.append(f"| {cure} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
