"""Which formats there are: a file's suffix decides, and its content has to agree."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from appkit.retrieval.loaders.content import Content


@dataclass(frozen=True, kw_only=True)
class Format:
    """A kind of file and its reader, `function` in `module` of this folder: bytes → Content.

    A format runs in the child unless reading it takes time and memory in proportion to the file and nothing else. Only
    text that is taken as it is can promise that; whatever has to be parsed can be a bomb.
    """

    name: str
    module: str
    function: str
    media_types: dict[str, str]  # by suffix
    in_child: bool = True
    packages: tuple[str, ...] = ()  # what it imports; imported before the child gives up its rights

    def reader(self) -> Callable[[bytes], Content]:
        """The function that reads it."""
        module = importlib.import_module(f"appkit.retrieval.loaders.{self.module}")
        reader: Callable[[bytes], Content] = getattr(module, self.function)
        return reader


_SOURCE_CODE = {
    ".bash": "x-sh", ".bat": "x-bat", ".c": "x-c", ".cc": "x-c++", ".cfg": "x-ini", ".cpp": "x-c++", ".cs": "x-csharp",
    ".css": "css", ".cu": "x-cuda", ".go": "x-go", ".h": "x-c", ".hpp": "x-c++", ".hs": "x-haskell", ".ini": "x-ini",
    ".java": "x-java", ".jl": "x-julia", ".js": "javascript", ".jsx": "javascript", ".kt": "x-kotlin", ".lua": "x-lua",
    ".m": "x-matlab", ".mjs": "javascript", ".php": "x-php", ".pl": "x-perl", ".proto": "x-protobuf", ".ps1":
    "x-powershell", ".py": "x-python", ".pyi": "x-python", ".r": "x-r", ".rb": "x-ruby", ".rs": "x-rust", ".scala":
    "x-scala", ".sh": "x-sh", ".sql": "x-sql", ".swift": "x-swift", ".tex": "x-tex", ".toml": "x-toml", ".ts":
    "typescript", ".tsx": "typescript", ".vue": "x-vue", ".xml": "xml", ".yaml": "x-yaml", ".yml": "x-yaml",
    ".zsh": "x-sh",
}  # fmt: skip

FORMATS = (
    Format(
        name="plain text",
        module="plain_text",
        function="read_plain_text",
        media_types={".txt": "text/plain", ".text": "text/plain", ".log": "text/plain", ".rst": "text/x-rst"},
        in_child=False,
    ),
    Format(
        name="source code",
        module="plain_text",
        function="read_plain_text",
        media_types={suffix: f"text/{kind}" for suffix, kind in _SOURCE_CODE.items()},
        in_child=False,
    ),
    Format(
        name="Markdown",
        module="markdown",
        function="read_markdown",
        media_types={".md": "text/markdown", ".markdown": "text/markdown"},
        packages=("markdown_it", "mdurl"),
    ),
    Format(
        name="HTML",
        module="html",
        function="read_html",
        media_types={".html": "text/html", ".htm": "text/html", ".xhtml": "text/html"},
        packages=("selectolax",),
    ),
    Format(
        name="PDF",
        module="pdf",
        function="read_pdf",
        media_types={".pdf": "application/pdf"},
        packages=("pypdf", "typing_extensions"),
    ),
    Format(
        name="Word",
        module="docx",
        function="read_docx",
        media_types={".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
        packages=("docx", "lxml", "typing_extensions"),
    ),
    Format(name="CSV", module="table", function="read_csv", media_types={".csv": "text/csv"}),
    Format(
        name="TSV",
        module="table",
        function="read_tsv",
        media_types={".tsv": "text/tab-separated-values", ".tab": "text/tab-separated-values"},
    ),
    Format(name="JSON", module="json_tree", function="read_json", media_types={".json": "application/json"}),
    Format(
        name="JSON lines",
        module="json_tree",
        function="read_json_lines",
        media_types={".jsonl": "application/jsonl", ".ndjson": "application/jsonl"},
    ),
    Format(
        name="notebook",
        module="notebook",
        function="read_notebook",
        media_types={".ipynb": "application/x-ipynb+json"},
        packages=("markdown_it", "mdurl"),
    ),
)

_BY_SUFFIX = {suffix: format for format in FORMATS for suffix in format.media_types}
SUPPORTED_SUFFIXES = frozenset(_BY_SUFFIX)


def format_of(path: PurePath) -> tuple[Format, str] | None:
    """Format and media type by suffix, in any case; None where there is none."""
    suffix = path.suffix.lower()
    format = _BY_SUFFIX.get(suffix)
    return None if format is None else (format, format.media_types[suffix])
