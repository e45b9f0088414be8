"""Plain text and source code: the text is the file's own."""

from appkit.retrieval.documents import Scalar
from appkit.retrieval.loaders.characters import clean
from appkit.retrieval.loaders.content import Content, with_removed
from appkit.retrieval.loaders.encoding import decode


def read_plain_text(data: bytes) -> Content:
    """The text as it is, with "\\n" for every kind of line break."""
    text, metadata = decode_clean(data)
    return Content(text=text, metadata=metadata)


def decode_clean(data: bytes, declared: str | None = None) -> tuple[str, dict[str, Scalar]]:
    """Decoded and cleaned text, and metadata on both."""
    text, encoding = decode(data, declared)
    text, num_removed = clean(text)
    metadata: dict[str, Scalar] = {} if encoding == "utf-8" else {"encoding": encoding}
    return text, with_removed(metadata, num_removed)
