"""An answer carries its text, its citations and what was found; in notebooks and as JSON too."""

import json

import pytest

from appkit.rag.answer import Answer
from appkit.rag.answering import answer_pieces
from appkit.rag.citations import cite
from appkit.rag.stream import AnswerStream
from appkit.retrieval.documents import Hit
from tests.appkit.rag.chunks import COLOUR, WARRANTY, hit

HITS = [hit(WARRANTY), hit(COLOUR, "b.md")]


def ask(question: str, hits: list[Hit] = HITS) -> Answer:
    return AnswerStream(answer_pieces(question, hits, method="quotes")).result()


def test_every_number_in_the_text_has_its_citation() -> None:
    answer = ask("How long is the warranty period?")
    assert answer.text.count("[") == len(answer.citations)
    assert all(f"{c.quote} [{n}]" in answer.text for n, c in enumerate(answer.citations, start=1))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Who won the football championship?", "I found no answer to this in these documents."),
        ("哪个球队赢得了足球冠军？", "在这些文档里没有找到答案。"),
    ],
)
def test_what_is_not_there_is_said_in_the_language_of_the_question(question: str, text: str) -> None:
    answer = ask(question, [] if question.startswith("哪") else HITS)
    assert (answer.answerable, answer.text, answer.citations) == (False, text, ())


def test_the_page_is_that_of_the_quote_not_of_the_chunk() -> None:
    pieces = answer_pieces(
        "How long is the warranty period?",
        [hit(WARRANTY, "a.pdf", page_number=1)],
        method="quotes",
        page_number_at=lambda source, offset: 2 if offset >= 30 else 1,
    )
    assert [citation.page_number for citation in AnswerStream(pieces).result().citations] == [2]


def test_an_answer_becomes_json() -> None:
    answer = ask("How long is the warranty period?")
    data = json.loads(json.dumps(answer.to_json()))
    assert data["answer"] == answer.text
    assert set(data["citations"][0]) == {"number", "file", "page_number", "start", "end", "quote"}
    assert len(data["retrieved"]) == 2
    assert set(data["timings"]) == {"search_s", "answer_s", "total_s"}


def test_html_shows_the_quote_marked_in_its_context() -> None:
    answer = ask("How long is the warranty period?", [hit(WARRANTY)])
    assert f"<mark>{answer.citations[0].quote}</mark>" in answer._repr_html_()


def test_html_runs_nothing_that_a_document_holds() -> None:
    evil = hit("<script>alert(1)</script> warranty <img src=x onerror=alert(2)>", '"><script>.md')
    citation = cite(evil, 0, 25)
    html = Answer(
        question="q", text="<b>x</b>", citations=(citation,), answerable=True, retrieved=(evil,)
    )._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert "<b>x" not in html


def test_a_closed_stream_has_no_result() -> None:
    stream = AnswerStream(answer_pieces("How long is the warranty period?", HITS, method="quotes"))
    stream.close()
    with pytest.raises(RuntimeError, match="closed or failed"):
        stream.result()
