"""Folders of small documents, and what an index made of one says."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from appkit.retrieval.documents import Document
from appkit.retrieval.index import DocumentIndex

PUMPS: Mapping[str, str] = {
    "cellar.txt": "The pump in the cellar was installed in 2019. It is checked every spring.\n",
    "garden/hose.md": "# Hoses\n\nThe garden hose is ten metres long.\n\n# Taps\n\nThe tap drips in winter.\n",
    "保修.txt": "水泵的保修期是两年。请保留收据。\n",
}


def write_folder(folder: Path, files: Mapping[str, str]) -> Path:
    """`folder`, with these files beside those it has."""
    for source, text in files.items():
        (folder / source).parent.mkdir(parents=True, exist_ok=True)
        (folder / source).write_text(text, "utf-8")
    return folder


def state_of(index: DocumentIndex) -> dict[str, tuple[str, list[str]]]:
    """Text and chunk texts of every document: what a user can find."""
    return {
        info.source: (index.document_text(info.source), [chunk.text for chunk in index.chunks_of(info.source)])
        for info in index.documents()
    }


class TextParser:
    """Stands in for `DocumentParser` where starting a process for each of a thousand syncs would show nothing more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def load(self, path: Path, source: str) -> Document:
        """The file as plain text."""
        data = path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        return Document(source=source, text=data.decode(), media_type="text/plain", sha256=digest, title=path.name)
