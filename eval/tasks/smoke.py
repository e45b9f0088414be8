"""Thirty easy questions: does a model, with the catalog's own prompt and sampler settings, talk sense at all?

    python -m eval.tasks.smoke [-m MODEL] [--json]

An answer is right when its first sentence holds one of the accepted texts as whole words; further on, a rambling model
meets any text by chance. A smoke test finds a broken tokenizer, template or kernel, it does not rank models.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from appkit import Chat, LanguageModel, open_model

DATA = Path(__file__).resolve().parents[1] / "data" / "smoke_en.jsonl"
MAX_TOKENS = 64
_SENTENCE_END = re.compile(r"(?<=[.!?])\s|\n")


@dataclass(frozen=True)
class Question:
    """One question and the texts that count as knowing the answer."""

    id: str
    question: str
    accept: tuple[str, ...]

    def is_answered_by(self, answer: str) -> bool:
        """Whether the first sentence of `answer` holds an accepted text as whole words."""
        first = _SENTENCE_END.split(answer.strip(), maxsplit=1)[0]
        return any(re.search(rf"(?<!\w){re.escape(text)}(?!\w)", first, re.IGNORECASE) for text in self.accept)


@dataclass(frozen=True)
class Outcome:
    """One question asked and judged."""

    id: str
    question: str
    answer: str
    is_right: bool


def load_questions(path: Path = DATA) -> list[Question]:
    """The questions of a JSONL file with `id`, `question` and `accept`."""
    lines = path.read_text("utf-8").splitlines()
    return [Question(row["id"], row["question"], tuple(row["accept"])) for row in map(json.loads, lines)]


def run(model: LanguageModel, questions: list[Question], system: str | None = None) -> Iterator[Outcome]:
    """Ask each question in a conversation of its own."""
    for question in questions:
        chat = Chat(model, system=system)
        answer = chat.send(question.question, max_tokens=MAX_TOKENS).text.strip()
        yield Outcome(question.id, question.question, answer, question.is_answered_by(answer))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.smoke", description=__doc__.splitlines()[0])
    parser.add_argument("-m", "--model", default="smollm2-135m")
    parser.add_argument("-s", "--system", default=None, help="instead of the catalog's system prompt")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    with open_model(options.model) as model:
        outcomes = list(run(model, load_questions(), options.system))
    num_right = sum(outcome.is_right for outcome in outcomes)
    if options.json:
        report = {"right": num_right, "total": len(outcomes), "outcomes": [asdict(o) for o in outcomes]}
        sys.stdout.write(json.dumps(report, ensure_ascii=False) + "\n")
    else:
        for outcome in outcomes:
            sys.stdout.write(f"{'✓' if outcome.is_right else '✗'} {outcome.question}  →  {outcome.answer!r}\n")
        sys.stdout.write(f"{num_right} of {len(outcomes)} right\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
