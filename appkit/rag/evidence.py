"""What the retrieved chunks hold for a question: their sentences, scored, and how good the best of them is.

The one place where sentences meet the embedder. `quotes.py` picks from it, `abstention.py` judges it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from appkit.llm.base import Embedder
from appkit.rag.answer_types import answer_type, answer_type_hint
from appkit.rag.calibration import Calibration
from appkit.rag.question_words import question_words, share_of_words
from appkit.retrieval.documents import Hit
from appkit.retrieval.sentences import split_sentences

NUM_HITS = 5  # chunks whose sentences may be quoted
NUM_EMBEDDED = 16  # sentences that the embedder sees: the best by everything else; more cost time
MAX_EMBEDDED_CHARACTERS = 400  # of a sentence; its beginning says what it is about, and embedders have a limit

_FIELD = re.compile(r"[^:：\n]{1,40}[:：] ?\S")


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A sentence of a retrieved chunk. `start` and `end` count characters of the document."""

    hit: Hit
    start: int
    end: int
    text: str


@dataclass(frozen=True, kw_only=True)
class ScoredSentence:
    """A sentence and the log-odds that it belongs to an answer. `values` is what they were computed from."""

    sentence: Sentence
    score: float
    values: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Scored sentences, best first, and what abstention looks at.

    Attributes:
        chunk_cosine, sentence_cosine: the best of all; None where there is no embedder for this question.
        words: share of the question's telling words in the chunk that holds most of them, 0 to 1.
    """

    sentences: tuple[ScoredSentence, ...]
    chunk_cosine: float | None
    sentence_cosine: float | None
    words: float


def gather_evidence(
    question: str,
    hits: Sequence[Hit],
    calibration: Calibration,
    *,
    embedder: Embedder | None = None,
) -> Evidence:
    """Look at the sentences of the first `NUM_HITS` hits.

    Args:
        calibration: of `embedder`, or of words alone where that is None.
    """
    hits = hits[:NUM_HITS]
    words = question_words(question)
    kind = answer_type(question)
    ranks = {id(hit): 1 / place for place, hit in enumerate(hits, start=1)}
    seen = [
        (
            sentence,
            {
                "words": share_of_words(words, sentence.text),
                "type": answer_type_hint(kind, sentence.text),
                "rank": ranks[id(sentence.hit)],
                "cosine": 0.0,
                "chunk_cosine": sentence.hit.scores.get("dense", 0.0),
            },
        )
        for sentence in sentences_of(hits)
    ]
    sentence_cosine = None
    if embedder is not None and seen:
        seen.sort(key=lambda pair: calibration.sentences.logit(pair[1]), reverse=True)
        seen = seen[:NUM_EMBEDDED]
        vector = embedder.embed([question], "query")[0]
        texts = [sentence.text[:MAX_EMBEDDED_CHARACTERS] for sentence, _ in seen]
        for (sentence, values), cosine in zip(seen, embedder.embed(texts, "document") @ vector, strict=True):
            values["cosine"] = float(cosine)
            if "dense" not in sentence.hit.scores:  # found by words alone
                values["chunk_cosine"] = float(cosine)
        sentence_cosine = max(values["cosine"] for _, values in seen)
    scored = [
        ScoredSentence(sentence=sentence, score=calibration.sentences.logit(values), values=values)
        for sentence, values in seen
    ]
    cosines = [hit.scores["dense"] for hit in hits if "dense" in hit.scores]
    return Evidence(
        sentences=tuple(sorted(scored, key=lambda s: -s.score)),
        chunk_cosine=max(cosines, default=sentence_cosine) if embedder is not None else None,
        sentence_cosine=sentence_cosine,
        words=max((share_of_words(words, _with_headings(hit)) for hit in hits), default=0.0),
    )


def sentences_of(hits: Sequence[Hit]) -> list[Sentence]:
    """The sentences of the chunks in order, each stretch of a document once although chunks overlap.

    Headings are left out: they name what is answered and do not answer.
    """
    found: list[Sentence] = []
    taken: dict[str, list[tuple[int, int]]] = {}
    for hit in hits:
        chunk = hit.chunk
        spans = taken.setdefault(chunk.source, [])
        for start, end in _records_joined(chunk.text, split_sentences(chunk.text)):
            if chunk.text[start:end].lstrip("# ") in chunk.section_path:
                continue
            span = (chunk.start + start, chunk.start + end)
            if any(span[0] < other[1] and other[0] < span[1] for other in spans):
                continue
            spans.append(span)
            found.append(Sentence(hit=hit, start=span[0], end=span[1], text=chunk.text[start:end]))
    return found


def _records_joined(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Lines `name: value` under each other, as tables and JSON are read, become one: a price alone answers nothing."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        before = joined[-1] if joined else None
        if (
            before is not None
            and text[before[1] : start] == "\n"
            and end - before[0] <= MAX_EMBEDDED_CHARACTERS
            and _FIELD.match(text, start, end)
            and _FIELD.match(text, before[0], before[1])
        ):
            joined[-1] = (before[0], end)
        else:
            joined.append((start, end))
    return joined


def _with_headings(hit: Hit) -> str:
    """A chunk is found by its headings too, so they count as said."""
    return "\n".join([*hit.chunk.section_path, hit.chunk.text])
