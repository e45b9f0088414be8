"""Which language a prompt is taken in: that of the text it is about, unless its name says."""

from appkit.errors import TemplateError
from appkit.llm.language import is_chinese
from appkit.templates import Prompt, load_prompt
from appkit.templates.library import find_prompt


def prompt_for(prompt: str | Prompt, text: str) -> Prompt:
    """`prompt`, loaded where it is a name.

    Args:
        prompt: of a name without its language, "reasoning/plan", the prompt in the language of `text` is taken,
            "reasoning/plan.zh" for a Chinese one. Where there is none, it is the whole name of a prompt.

    Raises:
        TemplateError: there is no such prompt, or it cannot be read.
    """
    if isinstance(prompt, Prompt):
        return prompt
    names_language = "." in prompt.rpartition("/")[2]
    if names_language:
        return load_prompt(prompt)
    try:
        file = find_prompt(f"{prompt}.{'zh' if is_chinese(text) else 'en'}")
    except TemplateError:
        file = find_prompt(prompt)
    return file.load()
