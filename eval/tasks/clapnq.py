"""Grounded answers on CLAPNQ: are quotes right, do citations hold, is "not in these documents" said when it should be?

    python -m eval.tasks.clapnq [--method quotes|generated] [--limit 50] [--embedder minilm-l6] [--json]
    python -m eval.tasks.clapnq --calibrate [--embedder minilm-l6]

The gold passages of all questions, answerable or not, are the documents. Three kinds of question are asked: answerable
ones; unanswerable ones, whose own passage, on the right topic, is there ("near"); and the answerable ones again without
any passage of their article ("absent"). The numbers in `appkit/rag/calibration.py` were learned from every other
question (`--calibrate`); those that were held out are reported apart, and `--limit` takes them first.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any, Literal

from appkit import LanguageModel, open_model
from appkit.rag import Answer, Index, cited_numbers, find_hit
from eval.metrics.token_overlap import best_of, rouge_l, token_f1
from eval.tasks.clapnq_calibration import calibrate
from eval.tasks.clapnq_data import Clapnq, Question, load_clapnq, squeeze
from eval.tasks.provenance import provenance
from eval.tasks.results import write_results

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "clapnq"
Kind = Literal["answerable", "near", "absent"]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One question asked and measured. Measures of an answer are 0 where there is none."""

    id: str
    kind: Kind
    is_held_out: bool
    text: str
    is_answered: bool
    probability: float
    method: str
    f1: float
    rouge_l: float
    citations: int
    cited_in_gold: int  # citations inside the passage that annotators answered from
    cited_by_annotators: int  # citations that hold a sentence they used
    dangling: int  # numbers in the text without a citation, or citations of what was not retrieved
    not_substrings: int  # quotes that their document does not hold at their place
    rank: int  # of the gold document among the retrieved ones, from 1; 0 where it is missing
    seconds: float


def ask_all(index: Index, questions: Sequence[Question], model: LanguageModel | None = None) -> Iterator[Outcome]:
    """Ask every question of its kinds; a `model` writes the answers, without one they are quotes."""
    for question in questions:
        if question.is_answerable:
            yield measure(question, "answerable", index.ask(question.text, model=model), index)
            others = " and ".join(f"source != {json.dumps(file)}" for file in question.same_title)
            yield measure(question, "absent", index.ask(question.text, model=model, filter=others), index)
        else:
            yield measure(question, "near", index.ask(question.text, model=model), index)


def measure(question: Question, kind: Kind, answer: Answer, index: Index) -> Outcome:
    """Hold an answer against what annotators said, and its citations against the documents."""
    said = _without_numbers(answer) if answer.answerable else ""
    has_reference = kind == "answerable"
    sources = list(dict.fromkeys(hit.chunk.source for hit in answer.retrieved))
    numbers = cited_numbers(answer.text) if answer.answerable else []
    dangling = sum(number > len(answer.citations) or number < 1 for number in numbers)
    dangling += sum(find_hit(citation, answer.retrieved) is None for citation in answer.citations)
    in_gold = [citation for citation in answer.citations if citation.file == question.file and has_reference]
    return Outcome(
        id=question.id,
        kind=kind,
        is_held_out=question.is_held_out,
        text=answer.text,
        is_answered=answer.answerable,
        probability=answer.answerable_probability,
        method=answer.method,
        f1=best_of(token_f1, said, question.answers) if has_reference and said else 0.0,
        rouge_l=best_of(rouge_l, said, question.answers) if has_reference and said else 0.0,
        citations=len(answer.citations),
        cited_in_gold=len(in_gold),
        cited_by_annotators=sum(_holds_any(citation.quote, question.sentences) for citation in in_gold),
        dangling=dangling,
        not_substrings=len(index.verify_citations(answer.citations)),
        rank=sources.index(question.file) + 1 if question.file in sources and has_reference else 0,
        seconds=answer.timings["total_s"],
    )


def summarise(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Means over questions; precision of citations over all citations."""
    answerable = [o for o in outcomes if o.kind == "answerable"]
    answered = [o for o in answerable if o.is_answered]
    citations = sum(o.citations for o in answerable)
    return {
        "questions": len(answerable),
        "token F1": _mean([o.f1 for o in answerable]),
        "token F1 where answered": _mean([o.f1 for o in answered]),
        "ROUGE-L": _mean([o.rouge_l for o in answerable]),
        "citations in the gold passage": sum(o.cited_in_gold for o in answerable) / max(citations, 1),
        "citations of annotators' sentences": sum(o.cited_by_annotators for o in answerable) / max(citations, 1),
        "recall@1": _mean([o.rank == 1 for o in answerable]),
        "recall@5": _mean([1 <= o.rank <= 5 for o in answerable]),
        "answerable: answered": _mean([o.is_answered for o in answerable]),
        "near: not answered": _mean([not o.is_answered for o in outcomes if o.kind == "near"]),
        "absent: not answered": _mean([not o.is_answered for o in outcomes if o.kind == "absent"]),
        "dangling citations": sum(o.dangling for o in outcomes),
        "quotes that are no substrings": sum(o.not_substrings for o in outcomes),
        "seconds a question": _mean([o.seconds for o in outcomes]),
    }


def as_markdown(report: dict[str, Any]) -> str:
    """One run as a section: a row a measure, a column for all questions and one for those held out."""
    columns = report["summary"]
    names = list(next(iter(columns.values())))
    rows = [f"| {name} | " + " | ".join(_figure(column[name]) for column in columns.values()) + " |" for name in names]
    table = "\n".join(["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|", *rows])
    return f"## {report['run']}\n\n{table}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m eval.tasks.clapnq", description=__doc__.splitlines()[0])
    parser.add_argument("--method", choices=("quotes", "generated"), default="quotes")
    parser.add_argument("-m", "--model", default="smollm2-135m", help="writes the answers with --method generated")
    parser.add_argument("--embedder", default="minilm-l6")
    parser.add_argument("--limit", type=int, default=None, help="so many answerable and as many unanswerable questions")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the two files of the collection")
    parser.add_argument("--work", type=Path, default=None, help="keep the index here for the next run")
    parser.add_argument("--calibrate", action="store_true", help="learn the numbers of appkit/rag/calibration.py anew")
    parser.add_argument("--write", action="store_true", help="also put the figures into eval/results")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    clapnq = load_clapnq(options.data)
    with ExitStack() as stack:
        index = stack.enter_context(indexed(clapnq, options.embedder, options.work))
        if options.calibrate:
            sys.stdout.write(json.dumps(calibrate(index, clapnq), indent=1) + "\n")
            return 0
        model = stack.enter_context(open_model(options.model)) if options.method == "generated" else None
        outcomes = list(ask_all(index, clapnq.first(options.limit), model))
    run = run_name(options.method, options.model, options.embedder, options.limit)
    report: dict[str, Any] = {
        "run": run,
        "summary": {"all": summarise(outcomes), "held out": summarise([o for o in outcomes if o.is_held_out])},
    } | provenance("eval.tasks.clapnq", *_arguments(options))
    if options.write:
        about = " ".join(__doc__.split("\n\n")[2].split())
        write_results("clapnq", run, report, title="CLAPNQ", about=about, as_markdown=as_markdown)
    if options.json:
        report["outcomes"] = [asdict(outcome) for outcome in outcomes]
    sys.stdout.write((json.dumps(report, ensure_ascii=False) if options.json else as_markdown(report)) + "\n")
    return 0


def _arguments(options: argparse.Namespace) -> list[str]:
    """Those that change the figures."""
    writer = ["--method", options.method, "--model", options.model] if options.method == "generated" else []
    limit = [] if options.limit is None else ["--limit", str(options.limit)]
    return ["--embedder", options.embedder, *writer, *limit]


def run_name(method: str, model: str, embedder: str, limit: int | None) -> str:
    """What tells one run from another in the results."""
    writer = f" by {model}" if method == "generated" else ""
    return f"{method}{writer}, {embedder}, {'all questions' if limit is None else f'{limit} questions a kind'}"


@contextmanager
def indexed(clapnq: Clapnq, embedder: str, work: Path | None = None) -> Iterator[Index]:
    """The documents indexed the way a user's are. They stay in `work`, where it is given, for the next run."""
    with TemporaryDirectory() as temporary:
        base = (work or Path(temporary)) / embedder
        clapnq.write_documents(base / "passages")
        with Index.sync(base / "passages", embedder=embedder, path=base / "index") as index:
            yield index


def _without_numbers(answer: Answer) -> str:
    text = answer.text
    for number in range(1, len(answer.citations) + 1):
        text = text.replace(f"[{number}]", "")
    return text


def _holds_any(quote: str, sentences: frozenset[str]) -> bool:
    squeezed = squeeze(quote)
    return any(sentence in squeezed or squeezed in sentence for sentence in sentences)


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _figure(value: float) -> str:
    return f"{value:d}" if isinstance(value, int) else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
