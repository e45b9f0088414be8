"""Whether documents answer is a probability with a threshold."""

from dataclasses import replace

from appkit.rag.answering import judge
from appkit.rag.calibration import CALIBRATIONS, WORDS_ALONE
from appkit.rag.evidence import gather_evidence
from tests.appkit.rag.chunks import COLOUR, WARRANTY, WordEmbedder, hit


def test_a_question_about_something_else_is_not_answered() -> None:
    assert not judge("Who won the football championship in Brazil?", [hit(COLOUR), hit(WARRANTY, "b.md")]).is_answerable


def test_a_question_about_what_is_there_is_answered() -> None:
    assert judge("How long is the warranty period?", [hit(COLOUR), hit(WARRANTY, "b.md")]).is_answerable


def test_nothing_found_is_not_answered() -> None:
    judgement = judge("How long is the warranty?", [])
    assert (judgement.probability, judgement.is_answerable) == (0.0, False)


def test_an_unknown_embedder_is_left_aside() -> None:
    judgement = judge("How long is the warranty period?", [hit(WARRANTY)], embedder=WordEmbedder())
    assert judgement.evidence.sentence_cosine is None


def test_an_english_embedder_is_left_aside_for_chinese() -> None:
    embedder = WordEmbedder()
    embedder.name = "minilm-l6"
    hits = [hit("保修期为两年。请保留发票。")]
    assert judge("保修期是多久？", hits, embedder=embedder).evidence.sentence_cosine is None
    assert judge("How long?", hits, embedder=embedder).evidence.sentence_cosine is not None


def test_an_english_embedder_that_found_english_for_a_chinese_question_answers_nothing() -> None:
    embedder = WordEmbedder()
    embedder.name = "minilm-l6"
    assert not judge("保修期是多久？", [hit(WARRANTY)], embedder=embedder).is_answerable


def test_more_likeness_is_never_less_likely() -> None:
    for calibration in [WORDS_ALONE, *CALIBRATIONS.values()]:
        for model in (calibration.abstention, calibration.abstention_without_words):
            assert all(weight > 0 for weight in model.model.weights.values())
            assert 0 < model.threshold < 1


def test_headings_count_as_said_but_are_not_quoted() -> None:
    found = hit("# Warranty\n\nIt lasts two years.")
    found = replace(found, chunk=replace(found.chunk, section_path=("Warranty",)))
    evidence = gather_evidence("warranty", [found], WORDS_ALONE)
    assert evidence.words == 1.0
    assert [scored.sentence.text for scored in evidence.sentences] == ["It lasts two years."]
