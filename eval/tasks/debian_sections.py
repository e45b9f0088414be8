"""Debian packages sorted into sections by a small model: do examples like the question beat random ones?

    apt-get update
    python -m eval.tasks.debian_sections [--model NAME] [--embedder NAME] [--budget TOKENS] [--json] [--write]

The question is the one-line description of a package, the answer its section, one of twelve that are named after what
programs do (those named after a language or a kind of package, or that take what fits nowhere else, are left out). One
package of a source counts, as its siblings say nearly the same. 100 packages of each section are the examples, 25
others the questions, drawn by a fixed rule from the packages that apt's own lists name. Every way to choose gets the
same budget in the model's tokens; the model's answer is the section with the highest probability as the continuation.
"vote" asks no model: it is the most frequent section among the examples that were chosen, the nearest deciding ties.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from appkit import Embedder, LanguageModel, LocalEmbedder, open_model
from appkit.context import Item
from appkit.fewshot import BM25, Balanced, Example, ExampleStore, FitTokens, Random, Selector, Semantic
from eval.tasks.debian_sections_data import SECTIONS, available_packages, load_packages, split
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results
from eval.tasks.retrieval_figures import compare

BUDGET = 128
POOL = 50  # examples that a ranking hands on to be balanced or fitted
PAIRS = (
    ("semantic", "random"),
    ("semantic", "no examples"),
    ("random", "no examples"),
    ("BM25", "random"),
    ("semantic", "BM25"),
    ("semantic, balanced", "semantic"),
    ("semantic", "semantic, vote"),
)

INSTRUCTION = f"Each Debian package belongs to one of these sections: {', '.join(SECTIONS)}.\n\n"


def as_lines(example: Example) -> Item:
    """How an example is shown."""
    return Item(id=example.id, text=f"Package: {example.text}\nSection: {example.label}\n\n")


def build_prompt(examples: Sequence[Example], question: str) -> str:
    """Everything the model reads before the section."""
    shown = "".join(as_lines(example).text for example in examples)
    return f"{INSTRUCTION}{shown}Package: {question}\nSection:"


def answer(model: LanguageModel, prompt: str) -> str:
    """The section with the highest probability after the prompt."""
    scores = model.score_many(prompt, [f" {section}" for section in SECTIONS])
    return max(zip(scores, SECTIONS, strict=True), key=lambda pair: float(pair[0].sum()))[1]


def vote(examples: Sequence[Example]) -> str | None:
    """The most frequent section, of equally frequent ones that of the nearest example; None where there is none.

    Args:
        examples: the nearest one last, as they are shown.
    """
    counts = Counter(example.label for example in examples)
    best = max(reversed(examples), key=lambda example: counts[example.label], default=None)
    return best.label if best else None


def selectors(model: LanguageModel, embedder: Embedder, budget: int) -> dict[str, Callable[[int], Selector]]:
    """Each way to choose, given the number of the question: random draws anew for each."""
    fit = FitTokens(model, budget, as_lines)
    return {
        "random": lambda number: Random(POOL, seed=number).then(fit),
        "BM25": lambda number: BM25(POOL).then(fit),
        "semantic": lambda number: Semantic(embedder, POOL).then(fit),
        "semantic, balanced": lambda number: Semantic(embedder, POOL).then(Balanced(POOL), fit),
    }


def evaluate(
    model: LanguageModel, embedder: Embedder, store: ExampleStore, questions: Sequence[Example], budget: int
) -> dict[str, dict[str, Any]]:
    """For each way to choose, right or wrong for every question, and what it cost.

    "no examples" is the model without any; "…, vote" the examples without the model.
    """
    store.vectors(embedder)  # once for all, so not a part of what choosing costs
    rows = {"no examples": _measure(model, questions, [()] * len(questions), 0.0)}
    for name, selector in selectors(model, embedder, budget).items():
        begun = time.perf_counter()
        chosen = [selector(number).select(question.text, store) for number, question in enumerate(questions)]
        select_s = time.perf_counter() - begun
        shown = [selection.examples for selection in chosen]
        rows[name] = _measure(model, questions, shown, select_s)
        rows[name]["tokens"] = sum(sum(selection.steps[-1].tokens) for selection in chosen) / len(chosen)
        votes = [vote(examples) == question.label for examples, question in zip(shown, questions, strict=True)]
        rows[f"{name}, vote"] = {**rows[name], "is_right": votes, "answer_s": 0.0}
    return rows


def _measure(
    model: LanguageModel, questions: Sequence[Example], shown: Sequence[Sequence[Example]], select_s: float
) -> dict[str, Any]:
    begun = time.perf_counter()
    answers = [
        answer(model, build_prompt(examples, question.text))
        for examples, question in zip(shown, questions, strict=True)
    ]
    return {
        "is_right": [given == question.label for given, question in zip(answers, questions, strict=True)],
        "examples": sum(map(len, shown)) / len(shown),
        "tokens": 0.0,
        "select_s": select_s,
        "answer_s": time.perf_counter() - begun,
    }


def summarise(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Accuracies with their intervals, paired differences, and costs a question."""
    right = {name: [float(is_right) for is_right in row["is_right"]] for name, row in rows.items()}
    num_questions = len(right["no examples"])
    return {
        "questions": num_questions,
        "accuracy": {name: compare(values, [0.0] * num_questions) for name, values in right.items()},
        "differences": {f"{a} - {b}": compare(right[a], right[b]) for a, b in PAIRS},
        "costs": {
            name: {
                "examples": round(row["examples"], 1),
                "tokens": round(row["tokens"], 1),
                "select_ms": round(1000 * row["select_s"] / num_questions, 2),
                "answer_ms": round(1000 * row["answer_s"] / num_questions, 1),
            }
            for name, row in rows.items()
        },
    }


def as_markdown(figures: Mapping[str, Any]) -> str:
    """One run's figures as a section of a results page."""
    rows = [
        f"| {name} | {found['mean']:.3f} | {found['low']:.3f} … {found['high']:.3f} | {cost['examples']:.1f} | "
        f"{cost['tokens']:.0f} | {cost['select_ms']:.1f} | {cost['answer_ms']:.0f} |"
        for (name, found), cost in zip(figures["accuracy"].items(), figures["costs"].values(), strict=True)
    ]
    differences = [
        f"| {pair} | {found['mean']:+.3f} | {found['low']:+.3f} … {found['high']:+.3f} |"
        for pair, found in figures["differences"].items()
    ]
    return "\n".join(
        [
            f"## {figures['model']}, examples by {figures['embedder']}, {figures['budget']} tokens of them",
            "",
            f"{figures['questions']} questions, {figures['examples']:,} examples, {len(SECTIONS)} sections; guessing "
            f"is right {1 / len(SECTIONS):.3f} of the time. Intervals are those of a bootstrap over questions.",
            "",
            "| examples | accuracy | 95 % | shown | tokens | choosing, ms | answering, ms |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
            "| difference, question by question | mean | 95 % |",
            "|---|---|---|",
            *differences,
            "",
            f"Vectors of the examples, once: {figures['embed_s']:.1f} s. All in all: {figures['total_s']:.0f} s.",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.debian_sections", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--embedder", default="minilm-l6")
    parser.add_argument("--budget", type=int, default=BUDGET, help="tokens of examples, labels included")
    parser.add_argument("--questions", type=int, default=None, help="ask only so many")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="also put the figures into eval/results")
    options = parser.parse_args()

    begun = time.perf_counter()
    try:
        examples, questions = split(load_packages(available_packages()))
    except (FileNotFoundError, ValueError) as error:
        parser.exit(1, f"{error}\n")
    store = ExampleStore(examples)
    arguments = ["--model", options.model, "--embedder", options.embedder, "--budget", str(options.budget)]
    arguments += ["--questions", str(options.questions)] if options.questions else []
    figures = {
        "model": options.model,
        "embedder": options.embedder,
        "budget": options.budget,
        "examples": len(store),
        **provenance("eval.tasks.debian_sections", *arguments),
    }
    with open_model(options.model) as model, LocalEmbedder(options.embedder) as embedder:
        embedding_begun = time.perf_counter()
        store.vectors(embedder)
        figures["embed_s"] = round(time.perf_counter() - embedding_begun, 2)
        rows = evaluate(model, embedder, store, questions[: options.questions], options.budget)
    figures |= {**summarise(rows), "total_s": round(time.perf_counter() - begun, 1)}
    if options.write:
        run = f"{options.model}, {options.embedder}, {options.budget}"
        about = " ".join(" ".join(__doc__.split("\n\n")[2:]).split())
        write_results("debian-sections", run, figures, title="Debian sections", about=about, as_markdown=as_markdown)
    sys.stdout.write((json.dumps(figures, ensure_ascii=False) if options.json else as_markdown(figures)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
