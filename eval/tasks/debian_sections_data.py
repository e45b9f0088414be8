"""Debian's packages by section, from apt's own lists: what `debian_sections` asks and shows."""

import hashlib
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from appkit.fewshot import Example

SECTIONS = (
    *("admin", "editors", "fonts", "games", "graphics", "mail"),
    *("math", "net", "science", "sound", "text", "web"),
)
NUM_EXAMPLES = 100  # of each section
NUM_QUESTIONS = 25


def available_packages() -> str:
    """What apt knows of every package, as it prints it.

    Raises:
        FileNotFoundError: there is no apt here, or it has no lists.
    """
    command = shutil.which("apt-cache")
    if command is None:
        raise FileNotFoundError("There is no apt-cache here: this evaluation reads the package lists of Debian.")
    listed = subprocess.run([command, "dumpavail"], capture_output=True, check=True).stdout.decode("utf-8", "replace")
    if "\nSection: games" not in listed:
        raise FileNotFoundError("apt has no lists of Debian's packages: apt-get update")
    return listed


def load_packages(listed: str) -> dict[str, list[Example]]:
    """Packages of each section in an order that their names decide: one a source, no two with the same description."""
    packages: defaultdict[str, list[Example]] = defaultdict(list)
    sources: set[str] = set()
    texts: set[str] = set()
    for fields in sorted(_stanzas(listed), key=lambda fields: _lot(fields["Package"])):
        text = (fields.get("Description") or fields.get("Description-en", "")).strip()
        source = fields.get("Source", fields["Package"]).split(" ")[0]
        section = fields.get("Section", "")
        if section not in SECTIONS or source in sources or text in texts or not text or _is_empty_shell(text):
            continue
        sources.add(source)
        texts.add(text)
        packages[section].append(Example(id=fields["Package"], fields={"description": text}, label=section))
    return dict(packages)


def split(packages: Mapping[str, Sequence[Example]]) -> tuple[list[Example], list[Example]]:
    """Examples and questions, as many of each section.

    Raises:
        ValueError: a section has too few packages; the lists are not those of a whole Debian.
    """
    needed = NUM_EXAMPLES + NUM_QUESTIONS
    for section in SECTIONS:
        if len(packages.get(section, ())) < needed:
            raise ValueError(
                f"apt lists {len(packages.get(section, ()))} usable packages of {section}; {needed} needed."
            )
    examples = [example for section in SECTIONS for example in packages[section][:NUM_EXAMPLES]]
    questions = [example for section in SECTIONS for example in packages[section][NUM_EXAMPLES:needed]]
    return _mixed(examples), _mixed(questions)


def _mixed(packages: list[Example]) -> list[Example]:
    """Sections in no order. Another lot than the one that drew the packages, which would keep them together."""
    return sorted(packages, key=lambda one: _lot(f"order {one.id}"))


def _stanzas(listed: str) -> Iterator[dict[str, str]]:
    for stanza in listed.split("\n\n"):
        lines = (line.partition(": ") for line in stanza.split("\n") if line[:1] not in ("", " "))
        fields = {name: value for name, _, value in lines}
        if "Package" in fields:
            yield fields


def _lot(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _is_empty_shell(text: str) -> bool:
    return any(word in text.lower() for word in ("transitional", "dummy", "metapackage"))
