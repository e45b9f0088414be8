"""Source code: chunks end between definitions, else at blank lines, else at lines."""

import re
from dataclasses import replace

from appkit.retrieval.documents import Chunk, Document
from appkit.retrieval.splitters.borders import Atom, Border, line_atoms
from appkit.retrieval.splitters.chunks import build_chunks
from appkit.retrieval.splitters.packing import CountTokens, pack

_MODIFIERS = (
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\([^)]*\))?|inline"
    r"|extern|unsafe|override|virtual|open|sealed|data)\s+)*"
)
_DEFINITION = re.compile(
    _MODIFIERS + r"(?:def|class|function|fn|func|impl|struct|enum|trait|interface|module|namespace|type|object"
    r"|template|typedef|macro_rules!|sub|CREATE|create)\b"
)
_BELONGS_BELOW = re.compile(r"@|#(?!include|define|if|endif)|//|/\*|\*")  # decorators, attributes and comments


def split_code(document: Document, *, max_tokens: int, overlap_tokens: int, count_tokens: CountTokens) -> list[Chunk]:
    """Chunks of whole lines; a definition keeps the comments and decorators above it."""
    spans = pack(
        document.text,
        _atoms(document.text),
        max_tokens=max_tokens,
        overlap_tokens=overlap_tokens,
        count_tokens=count_tokens,
    )
    return build_chunks(document, spans)


def _atoms(text: str) -> list[Atom]:
    lines = list(line_atoms(text, 0, len(text)))
    atoms = [replace(line, border=_border(text, line)) for line in lines]
    for idx in range(len(atoms) - 1, 0, -1):
        is_close = lines[idx].border is Border.LINE
        if is_close and atoms[idx].border >= Border.PARAGRAPH and _BELONGS_BELOW.match(text, atoms[idx - 1].start):
            atoms[idx - 1] = replace(atoms[idx - 1], border=max(atoms[idx].border, atoms[idx - 1].border))
            atoms[idx] = replace(atoms[idx], border=Border.HEADING)
    return atoms


def _border(text: str, line: Atom) -> Border:
    if line.border is Border.GAP:
        return Border.GAP
    is_indented = line.start > 0 and text[line.start - 1] in " \t"
    is_after_blank = line.border is Border.PARAGRAPH
    if _DEFINITION.match(text, line.start):
        return Border.PARAGRAPH if is_indented else Border.SECTION
    if is_after_blank:
        return Border.LINE if is_indented else Border.PARAGRAPH
    return Border.SENTENCE
