"""Reads the front matter of a prompt: a strict and small part of YAML, with the line of every key."""

from appkit.strict_yaml import Located, StrictYamlError, read_yaml
from appkit.templates.origin import Origin

MAX_CHARACTERS = 64 << 10
_FENCE = "---"


def split_front_matter(origin: Origin, source: str) -> tuple[str | None, str, int]:
    """The front matter, None where there is none; the text after it; the line where that begins.

    Raises:
        TemplateError: it begins and does not end, or is too long.
    """
    first, _, rest = source.partition("\n")
    if first != _FENCE:
        if first.strip() == _FENCE:
            raise origin.error("the line '---' has spaces around it; remove them.", 1)
        return None, source, 1
    if rest.startswith(f"{_FENCE}\n"):
        return "", rest[len(_FENCE) + 1 :], 3
    text, end, body = f"{rest}\n".partition(f"\n{_FENCE}\n")
    if not end:
        raise origin.error("the front matter has no end; write a line '---' after it.", 1)
    if len(text) > MAX_CHARACTERS:
        raise origin.error(f"the front matter has {len(text):,} characters; at most {MAX_CHARACTERS:,}.", 1)
    return text, body[:-1] if body else "", text.count("\n") + 4


def read_front_matter(origin: Origin, text: str) -> Located:
    """The mapping that front matter holds; nested ones are `Located` too.

    Raises:
        TemplateError: it is no YAML, or uses what is not read here.
    """
    try:
        value = read_yaml(text, first_line=2)  # the fence is line 1
    except StrictYamlError as error:
        raise origin.error(f"the front matter cannot be read: {error}.", error.line) from error
    if value is None:
        return Located()
    if not isinstance(value, Located):
        raise origin.error(f"the front matter is a {type(value).__name__}; write 'key: value' lines.", 2)
    return value
