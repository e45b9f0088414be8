"""Generated answers: a model writes, a constraint lets it cite only what was retrieved, and every sentence is checked.

The constraint gives the answer its form: up to a few sentences, each with the number of one of the passages shown, or
the words for "not in these documents". The check reads each sentence against the passage it names: its numbers must
stand there, and most of its words. A sentence that fails is left out.
"""

import functools
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

from appkit.context import CompiledContext, Item, Section, compile_context, item_tokens
from appkit.errors import ContextOverflowError
from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.llm.language import is_chinese
from appkit.messages import Citation, Constraint, Message
from appkit.rag.citations import cite
from appkit.rag.evidence import sentences_of
from appkit.rag.question_words import share_of_words, telling_words
from appkit.retrieval.documents import Hit
from appkit.templates import Prompt, load_prompt

NUM_PASSAGES = 3  # a small model loses the thread in more, and every one costs its time to read
MAX_SENTENCES = 3
MAX_SENTENCE_CHARACTERS = 300
MIN_SUPPORT = 0.6  # share of a sentence's telling words that its passage must hold
MIN_WORDS = 3  # telling ones; SmolLM2 also writes "is a [1]"
REFUSALS = {"en": "Not in these documents.", "zh": "文档中没有答案。"}  # as the prompts say it
ANSWER_TOKENS = 200
SETTINGS = GenerationSettings(temperature=0.0, max_tokens=ANSWER_TOKENS)

_CITED_SENTENCE = re.compile(r"\s*([^\[\]]+?)\s*\[(\d+)\]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, kw_only=True)
class CheckedSentence:
    """A generated sentence, the quote that supports it best, and how much of it stands there, 0 to 1."""

    text: str
    citation: Citation
    support: float

    @property
    def is_supported(self) -> bool:
        """Whether the passage holds enough of what the sentence says."""
        return self.support >= MIN_SUPPORT


def generate_sentences(
    question: str, hits: Sequence[Hit], model: LanguageModel, settings: GenerationSettings = SETTINGS
) -> Generator[CheckedSentence, None, bool]:
    """The model's sentences as each is written and checked, supported or not.

    Returns:
        Whether the model said that the passages hold no answer.

    Raises:
        CapabilityError: the model takes no constraints.
        ContextOverflowError: not even one passage fits the model.
    """
    hits = list(hits[:NUM_PASSAGES])
    if not hits:
        return True
    messages, shown = _fit(question, hits, model, settings)
    constraint = answer_constraint(len(shown), "zh" if is_chinese(question) else "en")
    written = ""
    said: set[str] = set()
    with model.stream(messages, settings, constraint=constraint) as pieces:
        for piece in pieces:
            written += piece
            while match := _CITED_SENTENCE.match(written):
                written = written[match.end() :]
                if match[1] in said:
                    continue  # small models repeat themselves
                said.add(match[1])
                yield check_sentence(match[1], shown[int(match[2]) - 1])
    return written in REFUSALS.values()


def answer_constraint(num_passages: int, language: str) -> Constraint:
    """Sentences that each name a passage from 1 to `num_passages`, or the refusal."""
    numbers = "|".join(str(number) for number in range(1, num_passages + 1))
    sentence = rf"[^\[\]\n]{{2,{MAX_SENTENCE_CHARACTERS}}} \[({numbers})\]"
    return Constraint("regex", rf"{sentence}( {sentence}){{0,{MAX_SENTENCES - 1}}}|{re.escape(REFUSALS[language])}")


def check_sentence(text: str, hit: Hit) -> CheckedSentence:
    """Hold `text` against the passage it names.

    There is no support at all for a number that the passage does not hold, nor for a sentence that says nothing.
    """
    words = telling_words(text)
    best = max(sentences_of([hit]), key=lambda sentence: share_of_words(words, sentence.text))
    says_something = len(words) >= MIN_WORDS
    has_numbers = set(_NUMBER.findall(text)) <= set(_NUMBER.findall(hit.chunk.text))
    support = share_of_words(words, hit.chunk.text) if says_something and has_numbers else 0.0
    return CheckedSentence(text=text, citation=cite(hit, best.start, best.end), support=support)


def _fit(
    question: str, hits: list[Hit], model: LanguageModel, settings: GenerationSettings
) -> tuple[Sequence[Message], list[Hit]]:
    """The messages with as many of the passages as the model holds, and these passages."""
    try:
        compiled = compile_answer_prompt(question, hits, model, answer_tokens=settings.max_tokens or 1)
    except ContextOverflowError as error:
        raise ContextOverflowError(
            f"The question with one passage is {error.num_tokens:,} tokens and {model.name} has room for "
            f"{error.limit:,}, the answer aside: ask for quotes, or use a model with a longer context.",
            error.num_tokens,
            error.limit,
        ) from error
    return compiled.messages, hits[: len(compiled.section("passages").kept)]


def compile_answer_prompt(
    question: str,
    hits: Sequence[Hit],
    model: LanguageModel,
    *,
    answer_tokens: int = ANSWER_TOKENS,
    budget: int | None = None,
) -> CompiledContext:
    """The prompt that asks `question` of the first passages, as many as fit, and its token map.

    Raises:
        ContextOverflowError: not even one passage fits.
    """
    passages = tuple(
        Item(id=f"[{number}] {hit.chunk.source}", text=_passage(number, hit))
        for number, hit in enumerate(hits[:NUM_PASSAGES], start=1)
    )
    sections = [
        Section(
            name="passages",
            items=passages,
            min_tokens=item_tokens(model, passages[0]) if passages else 0,
            overflow="drop_last",
        ),
        Section(name="question", items=(Item(id="question", text=" ".join(question.split())),)),
    ]
    prompt = _answer_prompt("zh" if is_chinese(question) else "en")

    def layout(kept: Mapping[str, tuple[Item, ...]]) -> Sequence[Message]:
        shown = "\n".join(item.text for item in kept["passages"])
        return prompt.render(passages=shown, question=kept["question"][0].text)

    return compile_context(sections, model, answer_tokens=answer_tokens, budget=budget, layout=layout)


def _passage(number: int, hit: Hit) -> str:
    """On one line, so that none can pass its own lines off as another passage."""
    return f"[{number}] {' '.join(hit.chunk.text.split())}"


@functools.cache
def _answer_prompt(language: str) -> Prompt:
    return load_prompt(f"rag/answer.{language}")
