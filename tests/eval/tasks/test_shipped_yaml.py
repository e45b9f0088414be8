"""The tasks over our own data: what they show, what a perfect answer scores, and what knowing nothing scores.

The figures of knowing nothing are those of eval/results/own_tasks.md, where those of a model stand beside them.
"""

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from appkit import CompletionStream, GenerationSettings, Message, ScriptedModel
from appkit.llm.base import DEFAULT_SETTINGS
from eval.harness.registry import find_task
from eval.harness.task import Sample
from eval.metrics import Figure

Writer = Callable[[str], str]  # from the last message to the answer


class WritesWhole(ScriptedModel):
    """For it a character is a token, so the limits of the tasks, which are meant in tokens of models, are too low."""

    def stream(self, prompt: Any, settings: GenerationSettings = DEFAULT_SETTINGS, **asked: Any) -> CompletionStream:
        return super().stream(prompt, replace(settings, max_tokens=None), **asked)


def figures_of(name: str, model: ScriptedModel) -> Mapping[str, Figure]:
    with find_task(name).open(model, None) as session:
        answers = [session.ask(sample) for sample in session.samples]
        return session.figures(session.samples, answers)


def written(name: str, write: Writer) -> Mapping[str, Figure]:
    """The figures of a model that writes what `write` says."""

    def answer(prompt: str | Sequence[Message]) -> str:
        assert not isinstance(prompt, str)
        return write(prompt[-1].content)

    return figures_of(name, WritesWhole(answer))


def samples_of(name: str) -> Sequence[Sample]:
    with find_task(name).open(ScriptedModel(["-"], score=lambda prompt, text: [-1.0] * len(text)), None) as session:
        return session.samples


def by_shown(name: str, field: str) -> dict[str, Sample]:
    """Samples by the text that is shown."""
    return {sample.doc[field]: sample for sample in samples_of(name)}


def material(shown: str) -> str:
    """What stands below the instruction."""
    return shown.partition("\n\n")[2]


def first_sentences(text: str, count: int) -> str:
    return "".join(re.findall(r".*?[.!?。！？”]+\s*", text)[:count]).strip()


TRANSLATIONS = [("translation_zh_en", "zh", "en"), ("translation_en_zh", "en", "zh")]
SUMMARIES = ["summaries_en", "summaries_zh"]
CHOICES = ["choices_en", "choices_zh"]


@pytest.mark.parametrize(("name", "source", "goal"), TRANSLATIONS, ids=[name for name, _, _ in TRANSLATIONS])
class TestTranslation:
    def test_a_reference_of_either_wording_scores_full_marks(self, name: str, source: str, goal: str) -> None:
        samples = by_shown(name, source)
        for number in (0, 1):
            figures = written(name, lambda shown: samples[material(shown)].doc[f"{goal}_references"][number])  # noqa: B023
            assert [figures["chrf"].value, figures["bleu"].value] == pytest.approx([100, 100])

    def test_copying_the_source_scores_next_to_nothing(self, name: str, source: str, goal: str) -> None:
        figures = written(name, material)
        assert figures["chrf"].value < 2
        assert figures["bleu"].value < 2

    def test_the_reference_of_another_sentence_scores_little(self, name: str, source: str, goal: str) -> None:
        samples = list(by_shown(name, source).values())
        after = {sample.doc[source]: samples[(idx + 1) % len(samples)].doc[goal] for idx, sample in enumerate(samples)}
        figures = written(name, lambda shown: after[material(shown)])
        assert figures["chrf"].value < (25 if goal == "en" else 10)


@pytest.mark.parametrize("name", SUMMARIES)
class TestSummaries:
    def test_a_reference_scores_full_marks(self, name: str) -> None:
        samples = by_shown(name, "document")
        figures = written(name, lambda shown: samples[material(shown)].doc["summaries"][1])
        assert {measure: figure.value for measure, figure in figures.items()} == dict.fromkeys(
            ("rougeL", "rouge1", "rouge2"), pytest.approx(1)
        )

    def test_the_first_sentences_score_some_and_less_than_a_person_does(self, name: str) -> None:
        """The two references are measured against each other: what another person's summary would get."""
        samples = by_shown(name, "document")
        lead = written(name, lambda shown: first_sentences(material(shown), 2))["rougeL"].value
        assert 0.08 < lead < 0.35
        assert lead < person(list(samples.values()))


def person(samples: Sequence[Sample]) -> float:
    from eval.metrics import rouge

    firsts, seconds = zip(*(sample.doc["summaries"] for sample in samples), strict=True)
    return rouge(firsts, seconds)["rougeL"].f1.value


@pytest.mark.parametrize("name", CHOICES)
class TestChoices:
    def test_a_model_that_knows_is_always_right(self, name: str) -> None:
        right = {sample.doc["question"]: sample.doc["choices"][sample.doc["answer"]] for sample in samples_of(name)}

        def score(prompt: str, continuation: str) -> list[float]:
            is_right = continuation.strip() == next(text for question, text in right.items() if question in prompt)
            return [-0.1 if is_right else -3.0] * len(continuation)

        assert figures_of(name, ScriptedModel(["-"], score=score))["acc_norm"].value == 1.0

    def test_a_model_that_knows_nothing_is_right_a_quarter_of_the_time(self, name: str) -> None:
        rng = random.Random(0)
        model = ScriptedModel(["-"], score=lambda prompt, text: [math.log(rng.random())] * len(text))
        assert 0.1 < figures_of(name, model)["acc_norm"].value < 0.4

    def test_the_question_is_shown_before_each_choice_and_nothing_else(self, name: str) -> None:
        with find_task(name).open(ScriptedModel(["-"], score=lambda prompt, text: [-1.0] * len(text)), 1) as session:
            answered = session.ask(session.samples[0])
        question, choices = (session.samples[0].doc[key] for key in ("question", "choices"))
        before, blank = (
            (f"Question: {question}\nAnswer:", " ") if name == "choices_en" else (f"问题：{question}\n回答：", "")
        )
        assert [list(pair) for pair in answered.arguments] == [[before, blank + choice] for choice in choices]


@pytest.mark.parametrize("name", [*(name for name, _, _ in TRANSLATIONS), *SUMMARIES])
def test_the_instruction_comes_first_and_then_the_text(name: str) -> None:
    with find_task(name).open(ScriptedModel(["-"]), 1) as session:
        answered = session.ask(session.samples[0])
    (shown,) = answered.arguments[0][0]
    assert shown["role"] == "user"
    assert material(shown["content"]) in session.samples[0].doc.values()
    assert len(shown["content"].partition("\n\n")[0]) < 80
