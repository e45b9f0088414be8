"""Answers made of quotes: the sentences of the retrieved chunks that answer best, word for word.

The best few sentences are given in the order of the document, neighbours joined into one quote. Nothing is generated,
so nothing is invented, and whatever a document orders the reader to do is shown as what it says.
"""

from collections.abc import Iterator, Sequence

from appkit.messages import Citation
from appkit.rag.citations import cite
from appkit.rag.evidence import Evidence, Sentence

MAX_SENTENCES = 3  # token F1 on CLAPNQ is highest; see docs/log.md
MAX_SCORE_BEHIND = 1.5  # log-odds behind the best sentence at which another is left out


def choose_quotes(evidence: Evidence, *, max_sentences: int = MAX_SENTENCES) -> tuple[Citation, ...]:
    """One to `max_sentences` sentences as citations; none where there is no sentence.

    Those of the document with the best sentence come first, and each document's in its own order.
    """
    if not evidence.sentences:
        return ()
    best = evidence.sentences[0]
    chosen = [s.sentence for s in evidence.sentences[:max_sentences] if s.score >= best.score - MAX_SCORE_BEHIND]
    files = list(dict.fromkeys(sentence.hit.chunk.source for sentence in chosen))
    chosen.sort(key=lambda sentence: (files.index(sentence.hit.chunk.source), sentence.start))
    return tuple(_join_neighbours(chosen))


def quote_pieces(citations: Sequence[Citation]) -> Iterator[str]:
    """The quotes with their numbers, one a piece: `first [1] second [2]`; on lines where one has several."""
    separator = "\n" if any("\n" in citation.quote for citation in citations) else " "
    for number, citation in enumerate(citations, start=1):
        yield f"{separator if number > 1 else ''}{citation.quote} [{number}]"


def _join_neighbours(sentences: Sequence[Sentence]) -> list[Citation]:
    """Sentences of one chunk with nothing but white space between them become one quote."""
    groups: list[list[Sentence]] = []
    for sentence in sentences:
        if groups and _are_neighbours(groups[-1][-1], sentence):
            groups[-1].append(sentence)
        else:
            groups.append([sentence])
    return [cite(group[0].hit, group[0].start, group[-1].end) for group in groups]


def _are_neighbours(first: Sentence, second: Sentence) -> bool:
    chunk = first.hit.chunk
    if second.hit.chunk is not chunk:
        return False
    return not chunk.text[first.end - chunk.start : second.start - chunk.start].strip()
