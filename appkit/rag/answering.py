"""From a question and what was found to an answer, piece by piece: the way that quotes and generation share."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from appkit.llm.base import Embedder, LanguageModel
from appkit.messages import Citation
from appkit.rag.abstention import answerable_probability, is_answerable
from appkit.rag.answer import Answer, Method
from appkit.rag.calibration import ENGLISH_EMBEDDERS, WORDS_ALONE, calibration_for
from appkit.rag.evidence import Evidence, gather_evidence
from appkit.rag.generate import generate_sentences
from appkit.rag.quotes import choose_quotes, quote_pieces
from appkit.rag.texts import not_in_documents
from appkit.retrieval.documents import Hit
from appkit.retrieval.language import guess_language


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What was found for a question, and whether it answers."""

    evidence: Evidence
    probability: float
    is_answerable: bool


def judge(question: str, hits: Sequence[Hit], *, embedder: Embedder | None = None) -> Judgement:
    """Score the sentences of the hits and decide whether they answer.

    An embedder that nothing was learned for, or that does not know the language of the question, is left aside: words
    decide. Where an English embedder found English text for a Chinese question there are not even words in common, and
    the outcome is that nothing answers.
    """
    is_blind = embedder is not None and embedder.name in ENGLISH_EMBEDDERS and not _is_in_latin_script(question)
    learned = calibration_for(embedder.name) if embedder is not None and not is_blind else None
    calibration = learned or WORDS_ALONE
    evidence = gather_evidence(question, hits, calibration, embedder=embedder if learned else None)
    # Chinese against everything else: a short question is too little to tell European languages apart.
    shares_language = bool(hits) and _is_chinese(hits[0].chunk.text) == _is_chinese(question)
    if not evidence.sentences or (is_blind and not shares_language):
        return Judgement(evidence=evidence, probability=0.0, is_answerable=False)
    probability = answerable_probability(evidence, calibration, shares_language=shares_language)
    return Judgement(
        evidence=evidence,
        probability=probability,
        is_answerable=is_answerable(
            probability, calibration, shares_language=shares_language, is_chinese=_is_chinese(question)
        ),
    )


def answer_pieces(
    question: str,
    hits: Sequence[Hit],
    *,
    method: Method,
    query: str | None = None,
    embedder: Embedder | None = None,
    model: LanguageModel | None = None,
    search_s: float = 0.0,
    page_number_at: Callable[[str, int], int | None] | None = None,
) -> Generator[str, None, Answer]:
    """Pieces of the text, and the `Answer` as the generator's value.

    Generated sentences that their passage does not support are left out; where none is left, quotes answer.

    Args:
        query: what was searched for; None for the question itself.
        page_number_at: looks up the page of a character of a source; chunks know only where they begin.
    """
    start = perf_counter()
    judgement = judge(query or question, hits, embedder=embedder)
    text, citations, made_by = "", tuple[Citation, ...](), method
    if judgement.is_answerable:
        is_refused = False
        if method == "generated" and model is not None:
            text, citations, is_refused = yield from _generated_pieces(question, hits, model)
        if not text and not is_refused:
            made_by, citations = "quotes", choose_quotes(judgement.evidence)
            for piece in quote_pieces(citations):
                text += piece
                yield piece
    if not text:
        text = not_in_documents(question)
        yield text
    answer_s = perf_counter() - start
    return Answer(
        question=question,
        text=text,
        citations=tuple(_with_page(citation, page_number_at) for citation in citations),
        answerable=bool(citations),
        answerable_probability=judgement.probability,
        retrieved=tuple(hits),
        method=made_by,
        timings={"search_s": search_s, "answer_s": answer_s, "total_s": search_s + answer_s},
    )


def _is_chinese(text: str) -> bool:
    return guess_language(text) == "zh"


def _is_in_latin_script(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    return sum(character < "\u0250" for character in letters) * 2 >= len(letters)


def _generated_pieces(
    question: str, hits: Sequence[Hit], model: LanguageModel
) -> Generator[str, None, tuple[str, tuple[Citation, ...], bool]]:
    """Supported sentences with the numbers of their citations. Returns the text, the citations, and `is_refused`."""
    text, citations = "", list[Citation]()
    sentences = generate_sentences(question, hits, model)
    while True:
        try:
            sentence = next(sentences)
        except StopIteration as end:
            return text, tuple(citations), bool(end.value)
        if not sentence.is_supported:
            continue
        if sentence.citation not in citations:
            citations.append(sentence.citation)
        piece = f"{' ' if text else ''}{sentence.text} [{citations.index(sentence.citation) + 1}]"
        text += piece
        yield piece


def _with_page(citation: Citation, page_number_at: Callable[[str, int], int | None] | None) -> Citation:
    """The page the quote begins on; its chunk may begin on an earlier one."""
    if page_number_at is None or citation.page_number is None:
        return citation
    return replace(citation, page_number=page_number_at(citation.file, citation.start))
