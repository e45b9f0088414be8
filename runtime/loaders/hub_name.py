"""What `hf:owner/repo/file.gguf` means."""

import re
from dataclasses import dataclass

from runtime.errors import CatalogError

_NAME = re.compile(
    r"hf:(?P<owner>[A-Za-z0-9][A-Za-z0-9._-]{0,95})/(?P<repo>[A-Za-z0-9][A-Za-z0-9._-]{0,95})"
    r"(?:@(?P<revision>[A-Za-z0-9][A-Za-z0-9._-]{0,95}))?"
    r"/(?P<file>(?:[A-Za-z0-9][A-Za-z0-9._-]{0,127}/){0,4}[A-Za-z0-9][A-Za-z0-9._-]{0,122}\.gguf)"
)


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """A file of a repository: `hf:owner/repo/file.gguf`, or `hf:owner/repo@revision/file.gguf`."""

    text: str
    repository: str
    file: str
    revision: str
    stored_name: str


def parse_hub_name(name: str) -> HubFile:
    """What `hf:…` means. Raises CatalogError where it is not of that form."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise CatalogError(
            f"{name[:300]!r} is not of the form hf:owner/repo/file.gguf, which names one file of the hub."
        )
    stored_name = "--".join([match["owner"], match["repo"], match["file"].removesuffix(".gguf").replace("/", "--")])
    if match["revision"]:
        stored_name += f"--{match['revision']}"
    if len(stored_name) > 120:
        raise CatalogError(f"{name[:300]!r} is too long to be stored under: {len(stored_name)} characters, 120 fit.")
    return HubFile(
        text=name,
        repository=f"{match['owner']}/{match['repo']}",
        file=match["file"],
        revision=match["revision"] or "main",
        stored_name=stored_name,
    )
