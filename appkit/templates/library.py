"""Finds prompts by name: the user's own before those that come with this package.

A prompt is `<root>/<folder>/<name>.<language>.prompt`, the language being optional, and is called `folder/name.en`.
"""

import difflib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appkit.errors import TemplateError
from appkit.templates.partials import FOLDER, SUFFIX
from appkit.templates.prompt import Prompt
from runtime.errors import ConfinedPathError
from runtime.files import confined_path, data_dir, is_safe_name

SHIPPED = Path(__file__).resolve().parents[2] / "prompts"  # beside this package, whoever else is called so
MAX_DEPTH = 4
MAX_FILES = 10_000


@dataclass(frozen=True, kw_only=True)
class PromptFile:
    """A prompt that can be loaded by `name`."""

    name: str
    path: Path
    root: Path

    def load(self) -> Prompt:
        """The prompt. Raises TemplateError."""
        return Prompt.from_file(self.path, name=self.name, root=self.root)


def user_root() -> Path:
    """Where the user's own prompts are; the folder need not exist."""
    return data_dir() / "prompts"


def load_prompt(name: str, *, roots: Sequence[Path] | None = None) -> Prompt:
    """The prompt called `name`, from the first of `roots` that has it.

    Args:
        roots: folders of prompts; None is the user's own, then those that come with this package.

    Raises:
        TemplateError: there is none of this name, or it cannot be read.
    """
    return find_prompt(name, roots=roots).load()


def find_prompt(name: str, *, roots: Sequence[Path] | None = None) -> PromptFile:
    """Where the prompt called `name` is. Raises TemplateError where there is none, with names like it."""
    for root in _roots(roots):
        path = prompt_path(root, name)
        if path.is_file():
            return PromptFile(name=name, path=path, root=root)
    names = [file.name for file in list_prompts(roots)]
    near = [other for other in names if other.startswith(f"{name}.") or other.rpartition("/")[2] == name]
    near = near or difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    raise TemplateError(
        f"There is no prompt {name}" + (f"; there is {', '.join(near)}" if near else "") + ". All of them: "
        "appkit prompts list",
        name,
    )


def list_prompts(roots: Sequence[Path] | None = None) -> tuple[PromptFile, ...]:
    """Every prompt that `load_prompt` finds, in the order of their names. None of them is read."""
    found: dict[str, PromptFile] = {}
    for root in _roots(roots):
        for path in _files(root):
            name = path.relative_to(root).as_posix().removesuffix(SUFFIX)
            found.setdefault(name, PromptFile(name=name, path=path, root=root))
    return tuple(found[name] for name in sorted(found))


def prompt_path(root: Path, name: str) -> Path:
    """The file of a prompt in `root`, which need not exist. Raises TemplateError for what can be no name."""
    *folders, last = name.split("/")
    try:
        if len(folders) >= MAX_DEPTH or folders[:1] == [FOLDER]:
            raise ConfinedPathError(
                f"{name!r} has too many folders, or is in {FOLDER}/, which holds pieces of prompts."
            )
        return confined_path(root, *folders, last + SUFFIX)
    except ConfinedPathError as error:
        raise TemplateError(f"{name!r} cannot be a prompt's name: {error}", name) from error


def _roots(roots: Sequence[Path] | None) -> Sequence[Path]:
    return (user_root(), SHIPPED) if roots is None else roots


def _files(root: Path) -> Iterator[Path]:
    """The files of `root` that can be named; no link is followed."""
    count = 0
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        depth = len(here.relative_to(root).parts)
        folders[:] = sorted(
            each for each in folders if is_safe_name(each) and not (here / each).is_symlink() and depth + 1 < MAX_DEPTH
        )
        if depth == 0 and FOLDER in folders:
            folders.remove(FOLDER)
        for name in names:
            count += 1
            if count > MAX_FILES:
                raise TemplateError(
                    f"{root} holds more than {MAX_FILES:,} files: is it a folder of prompts?", str(root)
                )
            if name.endswith(SUFFIX) and is_safe_name(name) and not (here / name).is_symlink():
                yield here / name
