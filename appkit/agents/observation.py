"""What a model is shown of a tool's result: as much as fits, and a line that says what was cut."""

from appkit.context.counting import text_tokens
from appkit.llm.base import LanguageModel

MIN_TOKENS = 48  # of an observation: its mark takes about half


def fit_observation(text: str, model: LanguageModel, max_tokens: int) -> str:
    """The beginning of `text` in at most `max_tokens` as `model` counts them, at least `MIN_TOKENS`, mark included."""
    max_tokens = max(max_tokens, MIN_TOKENS)
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text for a tokenizer
    num_tokens = text_tokens(model, text)
    shown, kept = text, len(text)
    while num_tokens > max_tokens and kept:
        kept = min(
            kept - 1, int(kept * max_tokens / num_tokens * 0.95)
        )  # the mark takes some, so this takes a few turns
        shown = f"{text[:kept]}\n[Cut here: the first {kept:,} of {len(text):,} characters.]"
        num_tokens = text_tokens(model, shown)
    return shown
