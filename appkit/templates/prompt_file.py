"""Prompt texts from files: `load_prompt("rag/answer.en")` reads `prompts/rag/answer.en.txt`.

A file starts with its purpose and inputs, then a line `---`, then the text itself, byte for byte, with `$name` where a
value goes (`$$` for a dollar sign). Values are put in as they are and never read as template again, so braces, dollar
signs and commands in a document stay text.
"""

from dataclasses import dataclass
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).resolve().parents[2] / "prompts"  # beside this package, whoever else is called so
_LINE = "\n---\n"


@dataclass(frozen=True)
class Prompt:
    """A prompt text with named places for values."""

    name: str
    purpose: str
    text: str

    def render(self, **values: str) -> str:
        """The text with every `$name` replaced.

        Raises:
            ValueError: a value is missing, or one is given that the text does not name.
        """
        template = Template(self.text)
        wanted, given = set(template.get_identifiers()), set(values)
        if wanted != given:
            raise ValueError(
                f"The prompt {self.name} takes {', '.join(sorted(wanted)) or 'no values'} and got "
                f"{', '.join(sorted(given)) or 'none'}."
            )
        return template.substitute(values)


def load_prompt(name: str) -> Prompt:
    """The prompt in `prompts/<name>.txt`.

    Raises:
        ValueError: there is no such file, or it has no line `---`.
    """
    path = _FOLDER / f"{name}.txt"
    if not path.is_file():
        raise ValueError(f"There is no prompt {name}: {path} does not exist.")
    purpose, line, text = path.read_bytes().decode("utf-8").partition(_LINE)
    if not line:
        raise ValueError(f"The prompt {path} has no line '---' between its purpose and its text.")
    return Prompt(name, purpose, text.removesuffix("\n"))
