"""What is measured of an answer to a question of CLAPNQ, and of all of them."""

from collections.abc import Sequence
from typing import Literal

from appkit.rag import Answer, Index, cited_numbers, find_hit
from eval.harness.task import Answered, Measure, Sample
from eval.metrics import Figure, best_of, rouge, token_f1
from eval.tasks.clapnq_data import Question, squeeze
from eval.tasks.mean_figures import mean_figures, ratio_figure

Part = Literal["answerable", "absent", "near"]


def clapnq_measures() -> tuple[Measure, ...]:
    """In order of importance. An answerable question that was not answered scores 0 in the first two.

    Raises:
        ModuleNotFoundError: the extra `eval`, which has ROUGE, is not installed.
    """
    signature = rouge(["text"], ["text"]).signature.replace("nrefs:1", "nrefs:var")
    return (
        Measure(name="rougeL", signature=signature),
        Measure(name="token_f1", signature="normalised as SQuAD, CJK by character"),
        Measure(name="citation_precision", is_mean=False),  # of all citations, those in the gold passage
        Measure(name="cited_sentences", is_mean=False),  # of all citations, those of a sentence that annotators used
        Measure(name="abstention_precision", is_mean=False),
        Measure(name="abstention_recall"),
        Measure(name="answered"),  # of the answerable
        Measure(name="abstained_absent"),
        Measure(name="abstained_near"),
        Measure(name="recall@1"),  # the gold passage is the first document found
        Measure(name="recall@5"),
        Measure(name="dangling", higher_is_better=False),  # numbers without citation, citations of what was not found
        Measure(name="misquoted", higher_is_better=False),  # quotes that their document does not hold at their place
    )


def measure(question: Question, part: Part, answer: Answer, index: Index) -> dict[str, float]:
    """Hold an answer against what annotators said, and its citations against the documents."""
    numbers = cited_numbers(answer.text) if answer.answerable else []
    dangling = sum(number > len(answer.citations) or number < 1 for number in numbers)
    dangling += sum(find_hit(citation, answer.retrieved) is None for citation in answer.citations)
    values = {
        "abstained": float(not answer.answerable),
        "dangling": float(dangling),
        "misquoted": float(len(index.verify_citations(answer.citations))),
    }
    if part == "answerable":
        return _against_references(question, answer) | _against_passage(question, answer) | values
    abstained = values["abstained"]
    return {"abstention_recall": abstained, f"abstained_{part}": abstained} | values


def clapnq_figures(
    measures: Sequence[Measure], samples: Sequence[Sample], answers: Sequence[Answered]
) -> dict[str, Figure]:
    """Means over questions, and precision over all citations and over all abstentions."""
    citations = [answer.values.get("citations", 0.0) for answer in answers]
    abstained = [answer.values["abstained"] for answer in answers]
    ratios = {
        "citation_precision": ([answer.values.get("cited_in_gold", 0.0) for answer in answers], citations),
        "cited_sentences": ([answer.values.get("cited_by_annotators", 0.0) for answer in answers], citations),
        "abstention_precision": ([answer.values.get("abstention_recall", 0.0) for answer in answers], abstained),
    }
    found = mean_figures(measures, samples, answers)
    for name, (parts, wholes) in ratios.items():
        if (figure := ratio_figure(samples, parts, wholes)) is not None:
            found[name] = figure
    return {measure.name: found[measure.name] for measure in measures if measure.name in found}


def _against_references(question: Question, answer: Answer) -> dict[str, float]:
    said = _without_numbers(answer) if answer.answerable else ""
    return {
        "rougeL": rouge([said], [question.answers])["rougeL"].f1_of_each[0] if said else 0.0,
        "token_f1": best_of(token_f1, said, question.answers) if said else 0.0,
        "answered": float(answer.answerable),
    }


def _against_passage(question: Question, answer: Answer) -> dict[str, float]:
    in_gold = [citation for citation in answer.citations if citation.file == question.file]
    sources = list(dict.fromkeys(hit.chunk.source for hit in answer.retrieved))
    return {
        "citations": float(len(answer.citations)),
        "cited_in_gold": float(len(in_gold)),
        "cited_by_annotators": float(sum(_holds_any(citation.quote, question.sentences) for citation in in_gold)),
        "recall@1": float(question.file in sources[:1]),
        "recall@5": float(question.file in sources[:5]),
    }


def _without_numbers(answer: Answer) -> str:
    text = answer.text
    for number in range(1, len(answer.citations) + 1):
        text = text.replace(f"[{number}]", "")
    return text


def _holds_any(quote: str, sentences: frozenset[str]) -> bool:
    squeezed = squeeze(quote)
    return any(sentence in squeezed or squeezed in sentence for sentence in sentences)
