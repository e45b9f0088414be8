r"""Warns of line breaks that are none: in single quotes YAML keeps '\n' as a backslash and an n."""

import re

from eval.harness.notices import notice
from eval.yaml_tasks.fields import Fields

_BLOCK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)  # there Jinja reads them
_ESCAPES = ("\\n", "\\t", "\\r")
_FIELDS = ("description", "target_delimiter", "fewshot_delimiter", "doc_to_text", "doc_to_target", "until")


def warn_of_escapes(owner: Fields) -> None:
    """Warn of each text with a backslash and a letter that would be a line break or tab in double quotes."""
    for fields, key, text in _texts(owner):
        found = next((escape for escape in _ESCAPES if escape in _BLOCK.sub("", text)), None)
        if found:
            notice(
                f'{fields.where(key)} holds a backslash and "{found[1]}", not a line break or tab: single quotes keep '
                f'them as they are. Write it in double quotes: "{found}".'
            )


def _texts(owner: Fields) -> list[tuple[Fields, str, str]]:
    found = []
    for fields in (owner, owner.mapping("fewshot_config"), owner.mapping("generation_kwargs")):
        for key in _FIELDS:
            value = fields.get(key)
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    found.append((fields, key, text))
    return found
