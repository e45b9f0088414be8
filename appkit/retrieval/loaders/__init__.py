"""Files to documents: one format a file, a walk over a folder, a child that parses what could be hostile.

with DocumentParser() as parser:
    for file in walk(folder):
        if isinstance(file, FoundFile):
            document = parser.load(file.path, file.source)  # or LoadingError, which says why not
"""

from appkit.retrieval.loaders.errors import LoadingError
from appkit.retrieval.loaders.formats import SUPPORTED_SUFFIXES
from appkit.retrieval.loaders.parser import DocumentParser, LoadingLimits, load_document
from appkit.retrieval.loaders.walk import FoundFile, walk

__all__ = [
    "SUPPORTED_SUFFIXES",
    "DocumentParser",
    "FoundFile",
    "LoadingError",
    "LoadingLimits",
    "load_document",
    "walk",
]
