"""Reranking by query likelihood: how likely a language model finds the question after having read the passage.

Needs no model of its own and no parsing of answers: log-probabilities are read off. Every passage is one prefill, so
only the first few candidates are worth it on a CPU.

Source: Sachan et al., "Improving Passage Retrieval with Zero-Shot Question Generation", EMNLP 2022, arXiv:2204.07496;
their score is the mean over the question's tokens too, so long questions are not punished. The prompts are ours.
"""

from collections.abc import Sequence

from appkit.errors import CapabilityError
from appkit.llm.base import LanguageModel

RERANKED = 20  # candidates that are read
MAX_PASSAGE_TOKENS = 384  # of each; what a passage is about is said early

# Passage first, so that a model sees the question as its continuation.
_PROMPTS = {
    "zh": "文章：{passage}\n\n一个可以根据这篇文章回答的问题：",
    "en": "Passage: {passage}\n\nA question that this passage answers:",
}


def question_likelihoods(
    model: LanguageModel, question: str, passages: Sequence[str], *, language: str = "en"
) -> list[float]:
    """For each passage the mean log-probability of a token of the question after it; higher is better, at most 0.

    Passages are cut to `MAX_PASSAGE_TOKENS`, and further where the model holds less.

    Args:
        language: of the question, as `guess_language` says; chooses the prompt.

    Raises:
        CapabilityError: the model cannot score texts.
        ValueError: the question is empty, or alone as long as the model can hold.
    """
    if "score" not in model.capabilities:
        raise CapabilityError(
            f"{model.name} gives no probabilities, so it cannot rerank: use a local model.", model.name, "score"
        )
    prompt = _PROMPTS.get(language, _PROMPTS["en"])
    continuation = question.strip() if language == "zh" else f" {question.strip()}"
    if not question.strip():
        raise ValueError("The question is empty: there is nothing to rank by.")
    room = model.max_seq_len - model.count_tokens(prompt.format(passage="")) - model.count_tokens(continuation)
    if room < 1:
        raise ValueError(f"The question is as long as {model.name} can hold ({model.max_seq_len:,} tokens).")
    shown = [_first_tokens(model, passage, min(room, MAX_PASSAGE_TOKENS)) for passage in passages]
    return [float(model.score(prompt.format(passage=text), continuation).mean()) for text in shown]


def _first_tokens(model: LanguageModel, text: str, limit: int) -> str:
    """The longest beginning of `text` found in a few cuts that is at most `limit` tokens long."""
    count = model.count_tokens(text)
    while count > limit:
        text = text[: len(text) * limit // count]  # always shorter, as limit < count
        count = model.count_tokens(text) if text else 0
    return text
