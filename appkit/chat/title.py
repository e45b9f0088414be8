"""Titles of conversations, written by a model."""

from collections.abc import Sequence

from appkit.llm.base import GenerationSettings, LanguageModel
from appkit.llm.language import is_chinese
from appkit.messages import Message
from appkit.templates import load_prompt

READ_MESSAGES = 4  # from the beginning, which says what a conversation is about
READ_CHARACTERS = 600  # of each


def suggest_title(model: LanguageModel, messages: Sequence[Message]) -> str:
    """A few words on one line."""
    said = [message for message in messages if message.content.strip()][:READ_MESSAGES]
    prompt = load_prompt("chat/title.zh" if is_chinese(said[0].content) else "chat/title.en")
    shown = prompt.render(messages=[{"role": m.role, "content": m.content[:READ_CHARACTERS]} for m in said])
    constraint = prompt.constraint() if "constraint" in model.capabilities else None
    answer = model.chat(shown, GenerationSettings(**prompt.options), constraint=constraint)
    return " ".join(answer.text.split()).strip("\"'“”")
