"""Finds what a prompt's templates include: files of `partials/` in the prompt's own root, and none elsewhere.

Templates run where no file can be opened, so everything they may include goes with them. What that is can be read off
the templates, since names of partials are written out.
"""

from collections.abc import Mapping
from pathlib import Path

from appkit.templates.origin import Origin, read_text
from appkit.templates.rendering import as_template_error
from runtime.errors import ConfinedPathError
from runtime.files import confined_path
from runtime.sandbox import SandboxError, TemplateNames, shared_sandbox

FOLDER = "partials"
SUFFIX = ".prompt"
MAX_PARTIALS = 32
MAX_BYTES = 64 << 10  # of one
MAX_CHARACTERS = 256 << 10  # of all that a prompt includes


def gather_partials(origin: Origin, root: Path | None, sources: Mapping[str, int]) -> dict[str, str]:
    """The text of everything that templates include, by name; partials may include partials.

    Args:
        root: the folder that holds `partials/`; None for a prompt that has no folder.
        sources: templates, and the line where each begins in the prompt's file.

    Raises:
        TemplateError: a partial lies outside, is missing, includes itself, or there are too many or too long ones.
    """
    found: dict[str, str] = {}
    for source, first_line in sources.items():
        for name, line in inspect(origin, source, first_line).templates.items():
            _gather(origin, root, name, first_line + line - 1, (), found)
    return found


def inspect(origin: Origin, source: str, first_line: int, partial: str | None = None) -> TemplateNames:
    """What a template reads and includes. Raises TemplateError for what is no template."""
    try:
        return shared_sandbox().names(source)
    except SandboxError as error:
        error.partial = partial
        raise as_template_error(origin, error, first_line) from error


def _gather(
    origin: Origin, root: Path | None, name: str, line: int | None, above: tuple[str, ...], found: dict[str, str]
) -> None:
    """Add `name`, and what it includes, to `found`. `line` is where the prompt itself includes it, None elsewhere."""
    if name in above:
        raise origin.error(f"{' includes '.join([*above[above.index(name) :], name])}, without end.", line)
    if name in found:
        return
    found[name] = text = _read(origin, root, name, line)
    if len(found) > MAX_PARTIALS or sum(map(len, found.values())) > MAX_CHARACTERS:
        raise origin.error(
            f"it includes more than {MAX_PARTIALS} partials, or more than {MAX_CHARACTERS:,} characters of them.", line
        )
    for below in inspect(origin, text, 1, name).templates:
        _gather(origin, root, below, line, (*above, name), found)


def _read(origin: Origin, root: Path | None, name: str, line: int | None) -> str:
    if root is None:
        raise origin.error(f"it includes {name!r}, and a prompt that is no file has no partials.", line)
    folder, *names = name.split("/")
    if folder != FOLDER or not names:
        raise origin.error(f"it includes {name!r}; only '{FOLDER}/…', beside the prompts, can be included.", line)
    try:
        path = confined_path(root, folder, *names[:-1], names[-1] + SUFFIX)
    except ConfinedPathError as error:
        raise origin.error(f"it includes {name!r}, which is not in its folder: {error}", line) from error
    if not path.exists():
        raise origin.error(f"it includes {name!r}, and there is no {path}.", line)
    return read_text(origin, path, MAX_BYTES).removesuffix("\n")
