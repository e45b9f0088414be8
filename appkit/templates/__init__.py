"""Prompts as files, rendered byte for byte."""

from appkit.templates.cases import PromptCase
from appkit.templates.library import PromptFile, list_prompts, load_prompt
from appkit.templates.prompt import Prompt
from appkit.templates.variables import Variable

__all__ = ["Prompt", "PromptCase", "PromptFile", "Variable", "list_prompts", "load_prompt"]
